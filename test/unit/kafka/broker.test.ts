import { describe, expect, it } from 'vitest';
import { startLocalBroker } from '../../../kafka/broker/local-broker.ts';
import { BrokerError } from '../../../kafka/errors.ts';

describe('the local broker', () => {
  it('is not started if Kafka is not installed, and the error says what to do', async () => {
    const starting = startLocalBroker({ dataDir: '/nonexistent/data', jarsDir: '/nonexistent/kafka' });
    await expect(starting).rejects.toThrow(BrokerError);
    await expect(starting).rejects.toThrow(/KAFKA_BROKERS.*npm.*\/nonexistent\/kafka/);
  });
});
