import { createKafka, type Kafka, type KafkaOptions } from '../../../kafka/client.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { topics } from './topics.ts';

/** The product's client of a broker without TLS. It logs nothing, and tests create no other client. @param sasl its login, if it needs one. */
export const plainClient = (
  brokers: readonly string[],
  sasl?: KafkaOptions['sasl'],
  more: Partial<KafkaOptions> = {},
): Kafka =>
  createKafka({ brokers, ssl: false, sasl, clientId: 'test', topics, log: createLogger('silent', []), ...more });
