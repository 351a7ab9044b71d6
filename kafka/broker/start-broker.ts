import { existsSync } from 'node:fs';
import { BrokerError } from '../errors.ts';
import type { BrokerOptions } from './broker.ts';
import { type LocalBroker, startLocalBroker } from './local-broker.ts';

/** @throws BrokerError when Kafka is not installed, or does not start. */
export async function startBroker(options: BrokerOptions): Promise<LocalBroker> {
  if (!existsSync(options.jarsDir)) {
    throw new BrokerError(
      `no Kafka: set KAFKA_BROKERS to your brokers, or start with npm, which installs a broker in ${options.jarsDir}`,
    );
  }
  return startLocalBroker(options);
}
