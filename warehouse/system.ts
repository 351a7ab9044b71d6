import { IngestError, messageOf } from '../runtime/errors.ts';
import type { Adoption } from './adoption.ts';
import type { Purge } from './expiry.ts';
import type { GoldReader } from './gold-reader.ts';
import type { Backfill, Rebuild, Warehouse, WarehouseReader } from './warehouse.ts';

/** A side output could not be written. Nothing else has failed, and a retry may succeed. */
export class SideOutputError extends IngestError {
  readonly code = 'copy_failed';
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
  /** Tells waiting processes which program outside of their queue keeps this process from working; null: none any more. */
  waitsFor?(program: string | null): void;
  /** Aborts if the right is lost, where that is possible: work that depends on it must end. */
  readonly lost?: AbortSignal;
}

/** This process waits for another process that has the warehouse: the file of a warehouse that admits one process at a time. */
export interface FileWait {
  /** The file. */
  readonly path: string;
  /** For messages: the holder's program and pid. */
  readonly holder: string;
  /** How long (ms) this call will still wait at most; 0 if it gives up. */
  readonly leftMs: number;
  /** How long (ms) this call has waited so far. */
  readonly waitedMs: number;
  /** Whether the holder uses the queue as well: it releases the file after its batch or its dbt command. */
  readonly isQueued: boolean;
}

/** Called several times a second while a call waits; with null as soon as it has the file. Not called after a call gives up. */
export type OnFileWait = (wait: FileWait | null) => void;

interface ReadOptions {
  /**
   * For a command such as `status`: do not wait much longer than this (ms) for another process, and report no wait.
   * @default the reader waits as long as every other call, and reports it
   */
  readonly lookMs?: number;
  /** For reads that take minutes: other processes may have the warehouse between two queries. @default they wait until the reader is closed */
  readonly isShared?: boolean;
}

/** What stages, replays and reports need. Everything that it opens throws WarehouseUnavailableError while it is busy or unreachable. */
export interface WarehouseAccess {
  /** For messages: the file, or the database and its account. */
  readonly name: string;
  /** Longest time (ms) that a call waits or works before it fails. */
  readonly patienceMs: number;
  /** How long (ms) the dashboard shows a status before it reads the warehouse again, for example because a look costs money. */
  readonly statusEveryMs: number;
  /** Whether the warehouse exists; if not, the first load creates it. */
  exists(): boolean;
  openLoader(): Promise<Warehouse>;
  openReader(options?: ReadOptions): Promise<WarehouseReader>;
  openRebuild(): Promise<Rebuild>;
  /** @param name of the replay, in letters, digits and underscores: the same name resumes the same replay. */
  openBackfill(name: string): Promise<Backfill>;
  /** The result opens the warehouse only during its calls. */
  openPurge(): Promise<Purge>;
  /**
   * Records in the ledger, in one transaction, that the new topics continue the old ones. Rows and positions stay as they are. Nothing can
   * be loaded from the old topics any more, and an unfinished rebuild is discarded.
   * @throws PreconditionError if the positions are no longer those of the comparison, or if the new topics have positions.
   */
  adopt(adoptions: readonly Adoption[]): Promise<void>;
}

/** The warehouse, open for the log of dbt's runs. */
export interface RunLogTables extends AsyncDisposable {
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Executes the statements in one transaction. @throws WarehouseUnavailableError if its outcome is unknown. */
  write(statements: readonly string[]): Promise<void>;
}

/** What running dbt and publishing GOLD need. The calls that open the warehouse throw WarehouseUnavailableError. */
export interface TransformTarget {
  /** The environment for `profiles.yml`, secrets included. */
  readonly dbtVariables: Readonly<NodeJS.ProcessEnv>;
  /** Whether dbt needs the lock even for reading. */
  readonly readsNeedLock: boolean;
  /** How often the freshness of the sources is checked (ms). */
  readonly freshnessEveryMs: number;
  /** Waits until no other process builds SILVER and GOLD. */
  takeTransformLease(): Promise<WriteLock>;
  /**
   * For a command that runs dbt, which opens the warehouse itself. Reports the holder if a failed command's message says that another
   * process has the file; with null, reports that the command could open it.
   * @param leftMs how long dbt will be retried. @param lock held by the caller. @returns whether a holder was reported.
   */
  reportHolder(message: string | null, leftMs?: number, lock?: WriteLock): boolean;
  /** @param lock held by the caller, if any. */
  openRunLog(lock?: WriteLock): Promise<RunLogTables>;
  /** An estimate of the credits for a run of dbt; null if the warehouse costs no money. */
  creditsFor(seconds: number): number | null;
  /** A text that changes whenever BRONZE has new rows; null while there is nothing to build from. Starts no virtual warehouse. */
  bronzeVersion(): Promise<string | null>;
  /**
   * Replaces the published GOLD as a whole.
   * @param models names of the project's models in GOLD: nothing else is published. @param lock held by the caller, if any.
   * @throws SideOutputError.
   */
  publishGold(models: readonly string[], lock?: WriteLock): Promise<void>;
  /** When GOLD was last published (ms since the epoch); Infinity if readers use it directly, undefined before the first time. */
  goldPublishedAt(): number | undefined;
}

/** What readers of GOLD need, such as the dashboard. */
export interface GoldSource {
  /**
   * @param models names of the project's models in GOLD: nothing else is read. @param onProblem called when a reader that follows the builds by itself cannot read GOLD, with the reason, and with null when it can
   * again. @throws if the warehouse refuses the credentials.
   */
  openGold(models: readonly string[], onProblem: (problem: string | null) => void): Promise<GoldReader>;
}

/** What a warehouse implements. Its users receive one of the parts. */
export interface WarehouseSystem extends WarehouseAccess, TransformTarget, GoldSource {}
