import { existsSync } from 'node:fs';
import { startLocalBroker } from './local-broker.ts';

/** A Kafka of our own. Disposing of it stops it; its data stays. */
export interface Broker extends AsyncDisposable {
  /** `host:port`, for a client to begin with. */
  readonly brokers: readonly string[];
  /** Process id of the broker; absent when it runs in a container. */
  readonly pid?: number;
}

export interface BrokerOptions {
  /** What the broker keeps, its log included; made when missing. One broker at a time. */
  readonly dataDir: string;
  /** Where `scripts/setup.mjs` put Kafka's jars; without them a container engine has to do. */
  readonly jarsDir: string;
  /** What the broker's process is given of the environment: it needs PATH, and no secret of ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gives up starting when aborted. */
  readonly signal?: AbortSignal;
}

/** @throws BrokerError when it does not start. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  if (existsSync(options.jarsDir)) return startLocalBroker(options);
  const { startContainerBroker } = await import('./container-broker.ts');
  return startContainerBroker();
}
