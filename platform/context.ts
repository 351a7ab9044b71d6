import { join } from 'node:path';
import type { Health } from '../runtime/health.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Progress } from '../runtime/progress.ts';
import type { Config } from './config.ts';

/** The folder in which `scripts/setup.mjs` installs the tools. */
export const toolsDir = join(import.meta.dirname, '..', '.tools');

/** The input of every command. */
export interface Context {
  readonly config: Config;
  readonly log: Logger;
  readonly progress: Progress;
  /** Aborts when the process is asked to stop. Stages then drain. */
  readonly signal: AbortSignal;
  readonly metrics: Metrics;
  readonly health: Health;
}

export interface PlatformOptions {
  /**
   * Whether the broker of a run may be used. Only for commands that send no request to TMDb, because
   * each run has its own token bucket. Any command may use the broker of `up`, because it also uses its token store.
   */
  readonly mayJoinBroker?: boolean;
  /** Whether this is one stage of several processes: without KAFKA_BROKERS it waits for `up`, and starts no broker. @default false */
  readonly waitsForUp?: boolean;
  /** Fail instead of starting a broker, if none is configured and none runs. @default false */
  readonly startsNoBroker?: boolean;
  /** How long (ms) a call to Kafka may fail before it gives up. @default 20 s, for a user at a terminal */
  readonly kafkaPatienceMs?: number;
  /**
   * Behave as a service: wait for Kafka and for movie details without limit, and retry refused credentials once every
   * `refusedForMs`. @default false
   */
  readonly isService?: boolean;
  /**
   * How to treat our topics when Kafka is first used. `require`: create missing topics, and refuse to start if a finding
   * would lose records. `exist`: the same, but refuse to start if a topic is missing; for dry runs. `look`: create nothing, and
   * only log findings; for commands that only look, which treat a missing topic as empty. `leave`: create nothing and check
   * nothing. @default 'require'
   */
  readonly topics?: 'require' | 'exist' | 'look' | 'leave';
}
