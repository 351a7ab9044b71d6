import type { NumberedBatch } from './numbered-batch.ts';
import type { Batch, TopicId } from './warehouse.ts';

/**
 * Where a loader's positions are and what becomes of its batches; all calls are made within one transaction. `Reading` is
 * what a warehouse is asked through, `Writing` what may change it.
 */
export interface Ledger<Reading, Writing = Reading> {
  /** What stands before the names of the tables that are filled: nothing, or that of tables beside BRONZE. */
  readonly prefix: string;
  positions(reading: Reading, topic: TopicId): Promise<ReadonlyMap<number, bigint>>;
  /**
   * Compare-and-set of every position, and each batch's line: before any row, so that who lost writes none.
   * @returns the batches with the rows that are to be written. @throws FencedError.
   */
  take(writing: Writing, batches: readonly Batch[], ingestedAt: Date): Promise<NumberedBatch[]>;
}
