import { createKafka, type Kafka } from '../../../lib/kafka/client.ts';
import { createLogger } from '../../../lib/logger.ts';

/** The product's client of a broker without TLS and logins, which logs nothing. Tests make no other client. */
export const plainClient = (brokers: readonly string[]): Kafka =>
  createKafka({ brokers, ssl: false, sasl: undefined, clientId: 'test', log: createLogger('silent', []) });
