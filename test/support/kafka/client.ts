import { createKafka, type Kafka, type KafkaOptions } from '../../../lib/kafka/client.ts';
import { createLogger } from '../../../lib/logger.ts';

/** The product's client of a broker without TLS, which logs nothing. Tests make no other client. @param sasl its login, if it needs one. */
export const plainClient = (
  brokers: readonly string[],
  sasl?: KafkaOptions['sasl'],
  more: Partial<KafkaOptions> = {},
): Kafka => createKafka({ brokers, ssl: false, sasl, clientId: 'test', log: createLogger('silent', []), ...more });
