import { IngestError, messageOf } from '../runtime/errors.ts';
import type { Backfill, Rebuild, Warehouse, WarehouseReader } from './warehouse.ts';

/** An output beside the main flow could not be written. Nothing else has failed, and a later attempt may succeed. */
export class SideOutputError extends IngestError {
  readonly retriable = true;

  /** @param what it is, for a person. @param cause the error of the file system where it is one. */
  constructor(what: string, cause: unknown) {
    super(`${what}: ${messageOf(cause).split('\n')[0]}`, { cause });
  }
}

/** Our turn; disposing of it lets the next one have it. */
export interface Turn extends AsyncDisposable {
  /** Whether somebody waits behind us: time to finish. */
  isWanted(): boolean;
  /** Aborts when it is not ours any more, where that can happen: what is done in it has to end. */
  readonly lost?: AbortSignal;
}

/**
 * The warehouse that is configured, a DuckDB file or a database of Snowflake: what the stages, dbt and readers open. All that
 * it opens throws WarehouseUnavailableError while it is busy or out of reach.
 */
export interface WarehouseSystem {
  /** For a person: the file, or the database and its account. */
  readonly name: string;
  /** Longest time (ms) that a call waits or works before it fails. */
  readonly patienceMs: number;
  /** Whether dbt needs its turn even to read. */
  readonly isReadInTurn: boolean;
  /** How often its sources are asked for their age (ms). */
  readonly freshnessEveryMs: number;
  /** What `profiles.yml` reads, secrets included. */
  readonly dbtEnvironment: Readonly<NodeJS.ProcessEnv>;
  /** Whether there is anything to open; where not, the first load makes it. */
  exists(): boolean;
  /** For the stage that loads. */
  openLoader(): Promise<Warehouse>;
  openReader(): Promise<WarehouseReader>;
  openRebuild(): Promise<Rebuild>;
  /** @param name of the replay, in letters, digits and underscores: who gives the same goes on with the same. */
  openBackfill(name: string): Promise<Backfill>;
  /** Waits until nobody else builds SILVER and GOLD, in whatever process. */
  takeTransformTurn(): Promise<Turn>;
  /**
   * For whoever runs dbt, which opens the warehouse itself. Reports the holder if a failed command's message says that another
   * process has the file; with null, that the command could open it.
   * @param leftMs how long dbt is tried again. @returns whether a holder was reported.
   */
  reportHolder(message: string | null, leftMs?: number): boolean;
  /** A text that differs when BRONZE has moved; null while there is nothing to build from. Wakes nothing up. */
  bronzeVersion(): Promise<string | null>;
  /** Gives readers the GOLD of now, all of it at once. @param turn ours, where we have it already. @throws SideOutputError. */
  publishGold(turn?: Turn): Promise<void>;
  /** When readers were last given GOLD (ms since the epoch); Infinity where they read it as it is, undefined before the first time. */
  goldPublishedAt(): number | undefined;
}
