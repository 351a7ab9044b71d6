import { describe, expect, it } from 'vitest';
import { startBroker } from '../../../kafka/broker/start-broker.ts';
import { BrokerError } from '../../../kafka/errors.ts';

describe('the local broker', () => {
  it('is not started if Kafka is not installed, and the error says what to do', async () => {
    const starting = startBroker({ dataDir: '/nonexistent/data', jarsDir: '/nonexistent/kafka' });
    await expect(starting).rejects.toThrow(BrokerError);
    await expect(starting).rejects.toThrow(/KAFKA_BROKERS.*npm.*\/nonexistent\/kafka/);
  });
});
