import { IngestError, messageOf } from '../runtime/errors.ts';
import type { Backfill, Rebuild, Warehouse, WarehouseReader } from './warehouse.ts';

/** A side output could not be written. Nothing else has failed, and a retry may succeed. */
export class SideOutputError extends IngestError {
  readonly retriable = true;

  /** @param what the output, for messages. @param cause the error of the file system, if there is one. */
  constructor(what: string, cause: unknown) {
    super(`${what}: ${messageOf(cause).split('\n')[0]}`, { cause });
  }
}

/** The exclusive right to write; disposing of it releases it to the next waiting process. */
export interface WriteLock extends AsyncDisposable {
  /** Whether another process waits for it: finish soon. */
  isWanted(): boolean;
  /** Aborts if the right is lost, where that is possible: work that depends on it must end. */
  readonly lost?: AbortSignal;
}

/**
 * The configured warehouse, a DuckDB file or a Snowflake database: the interface for stages, dbt and readers. Everything that
 * it opens throws WarehouseUnavailableError while it is busy or unreachable.
 */
export interface WarehouseSystem {
  /** For messages: the file, or the database and its account. */
  readonly name: string;
  /** Longest time (ms) that a call waits or works before it fails. */
  readonly patienceMs: number;
  /** Whether dbt needs the lock even for reading. */
  readonly readsNeedLock: boolean;
  /** How often the freshness of the sources is checked (ms). */
  readonly freshnessEveryMs: number;
  /** The environment for `profiles.yml`, secrets included. */
  readonly dbtEnvironment: Readonly<NodeJS.ProcessEnv>;
  /** Whether the warehouse exists; if not, the first load creates it. */
  exists(): boolean;
  /** For the loader. */
  openLoader(): Promise<Warehouse>;
  openReader(): Promise<WarehouseReader>;
  openRebuild(): Promise<Rebuild>;
  /** @param name of the replay, in letters, digits and underscores: the same name resumes the same replay. */
  openBackfill(name: string): Promise<Backfill>;
  /** Waits until no other process builds SILVER and GOLD. */
  takeTransformLease(): Promise<WriteLock>;
  /**
   * For a command that runs dbt, which opens the warehouse itself. Reports the holder if a failed command's message says that another
   * process has the file; with null, reports that the command could open it.
   * @param leftMs how long dbt will be retried. @returns whether a holder was reported.
   */
  reportHolder(message: string | null, leftMs?: number): boolean;
  /** A text that changes whenever BRONZE has new rows; null while there is nothing to build from. Starts no virtual warehouse. */
  bronzeVersion(): Promise<string | null>;
  /** Replaces the published GOLD as a whole. @param lock held by the caller, if any. @throws SideOutputError. */
  publishGold(lock?: WriteLock): Promise<void>;
  /** When GOLD was last published (ms since the epoch); Infinity if readers use it directly, undefined before the first time. */
  goldPublishedAt(): number | undefined;
}
