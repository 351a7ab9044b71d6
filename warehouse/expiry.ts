import type { Batch } from './warehouse.ts';

/** What BRONZE has in place of an expired document: JSON that TMDb never sends. dbt knows this text (`is_expired`). */
export const expiredDocument = '{"tmdb_stream_expired":true}';

const expiredBody = Buffer.from(expiredDocument);

/**
 * The same batches without the documents of answers from before `before`. All other values stay, so the ledger still shows that each
 * offset was loaded. @returns also the number of documents that were replaced.
 */
export function withoutExpired(
  batches: readonly Batch[],
  before: Date,
): { readonly batches: readonly Batch[]; readonly expired: number } {
  let expired = 0;
  const blank = <Row extends { readonly fetchedAt: Date }>(row: Row): Row => {
    if (row.fetchedAt >= before) return row; // mutant: purge.on-load
    expired += 1;
    return { ...row, body: expiredBody };
  };
  const changed = batches.map((batch): Batch => {
    if (!batch.rows.some(({ fetchedAt }) => fetchedAt < before)) return batch;
    return batch.table === 'raw_movies'
      ? { ...batch, rows: batch.rows.map(blank) }
      : { ...batch, rows: batch.rows.map(blank) };
  });
  return { batches: changed, expired };
}

/** Answers whose documents are older than the retention. */
export interface ExpiredAnswers {
  readonly rows: number;
  readonly movies: number;
  /** Bytes of their documents; an estimate if the warehouse does not keep their texts. */
  readonly bytes: number;
}

/**
 * Replaces the documents of expired answers in BRONZE. A batch with such a document gets a new number, like a batch of a rebuild: so
 * dbt reads it again, and SILVER and GOLD lose its values with the next build. Each call is short, and a killed purge is simply started again.
 */
export interface Purge {
  /** The answers from before `before` that still have their documents. Changes nothing. */
  expired(before: Date): Promise<ExpiredAnswers>;
  /** Replaces the documents of the next batches, in one transaction that also records `before`. @returns how many; 0: none is left. */
  blankNext(before: Date): Promise<number>;
  /** Removes documents that interrupted loads have left outside of the tables, by their age. @returns the number of files and lines. */
  removeLeftovers(): Promise<number>;
  /** The time on the clock that recorded times are of. */
  now(): Promise<Date>;
  /** Whether replaced documents, or values from them, may still be in SILVER, GOLD, or unused parts of a file. */
  isUnfinished(): Promise<boolean>;
  /**
   * Removes them from unused parts of files. Call it after a build that has read all replaced documents. @param blankedBy of `now`, before that build: what was
   * replaced later stays unfinished.
   * @returns the names of lost views: what they read is gone.
   */
  finish(blankedBy: Date): Promise<readonly string[]>;
}
