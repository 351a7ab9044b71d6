import type { BrokerCredentials } from './credentials.ts';

/** A local Kafka. Disposing of it stops it; its data stays. */
export interface Broker extends AsyncDisposable {
  /** `host:port`, for clients. */
  readonly brokers: readonly string[];
  /** The login of clients; undefined for a broker of tests that is open to every local user. */
  readonly sasl: BrokerCredentials | undefined;
}

export interface BrokerOptions {
  /** The folder of its data and its log; created if missing. One broker at a time. */
  readonly dataDir: string;
  /** The folder where `scripts/setup.mjs` puts Kafka's jars. */
  readonly jarsDir: string;
  /** The environment of the broker's process: it needs PATH, and none of our secrets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gives up starting when aborted. */
  readonly signal?: AbortSignal;
  /**
   * Whether this broker is for every process that uses `dataDir`, because a token store for all of them runs beside it. If a command
   * with a broker of its own has the folder, the start waits for its end. @default false: only for processes that send no request to TMDb
   */
  readonly isShared?: boolean;
  /** Receives each process that a shared broker waits for. */
  readonly onWait?: (holder: string) => void;
  /** For tests whose clients have no credentials: every local user may connect. @default false */
  readonly isOpen?: boolean;
}
