import { IngestError } from '../runtime/errors.ts';

/** A value of a row: numbers if they are exact, else their digits as text; times as ISO text. */
export type GoldValue = string | number | boolean | null;
export type GoldRow = Readonly<Record<string, GoldValue>>;

/** GOLD as one build published it. All queries of a snapshot see the same build. */
export interface GoldSnapshot {
  /** Differs for each published GOLD. */
  readonly version: string;
  readonly publishedAt: Date;
  /**
   * Runs SQL of DuckDB, whose tables need no schema: `select count(*) from fact_movies`.
   * @param values of the parameters, by name: `$genre` is `values.genre`.
   * @throws GoldUnavailableError if the published GOLD lacks a table or column, because another version built it.
   */
  query(sql: string, values?: Readonly<Record<string, string | number>>): Promise<readonly GoldRow[]>;
}

/**
 * Reads the GOLD that was published last. It holds no lock. It sees a newly published GOLD from the next call of `read` on, or soon
 * after if it has a copy of its own.
 * Every implementation answers DuckDB's SQL, so that each figure has one query. Disposing of it closes it when the last `read` ends.
 */
export interface GoldReader extends AsyncDisposable {
  /**
   * The state that `read` would use, without opening it. @throws GoldUnavailableError
   */
  version(): string;
  /** Why an older GOLD is read because the newest one cannot be; null if nothing is known to be wrong. */
  outage(): string | null;
  /** Runs `work` with the newest snapshot, which stays open until `work` ends. @throws GoldUnavailableError, and the errors of `work`. */
  read<Result>(work: (gold: GoldSnapshot) => Promise<Result>): Promise<Result>;
}

/** GOLD has not been published yet, its copy cannot be read, or another version built it. */
export class GoldUnavailableError extends IngestError {
  readonly code = 'warehouse_unavailable';
  readonly retriable = true;
}

/** GOLD could not be read yet. The reader continues to try: a wait is enough. */
export class GoldNotReadError extends GoldUnavailableError {}
