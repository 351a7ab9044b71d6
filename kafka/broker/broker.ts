import type { BrokerCredentials } from './credentials.ts';

/** A Kafka of our own. Disposing of it stops it; its data stays. */
export interface Broker extends AsyncDisposable {
  /** `host:port`, for a client to begin with. */
  readonly brokers: readonly string[];
  /** What a client logs in with; undefined for a broker of tests that is open to every local user. */
  readonly sasl: BrokerCredentials | undefined;
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
  /** For tests whose clients have no credentials: every local user may connect. @default false */
  readonly isOpen?: boolean;
}
