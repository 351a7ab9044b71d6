import { existsSync } from 'node:fs';
import { BrokerError } from './errors.ts';
import { type LocalBroker, startLocalBroker } from './local-broker.ts';

/** A Kafka of our own. Disposing of it stops it; its data stays. */
export interface Broker extends AsyncDisposable {
  /** `host:port`, for a client to begin with. */
  readonly brokers: readonly string[];
}

export interface BrokerOptions {
  /** What the broker keeps, its log included; made when missing. One broker at a time. */
  readonly dataDir: string;
  /** Where `scripts/setup.mjs` puts Kafka's jars. */
  readonly jarsDir: string;
  /** What the broker's process is given of the environment: it needs PATH, and no secret of ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gives up starting when aborted. */
  readonly signal?: AbortSignal;
}

/** @throws BrokerError when Kafka is not installed, or does not start. */
export async function startBroker(options: BrokerOptions): Promise<LocalBroker> {
  if (!existsSync(options.jarsDir)) {
    throw new BrokerError(
      `no Kafka: set KAFKA_BROKERS to the brokers you have, or start with npm, which installs one in ${options.jarsDir}`,
    );
  }
  return startLocalBroker(options);
}
