import type { NumberedBatch } from './numbered-batch.ts';
import type { Batch, TopicId } from './warehouse.ts';

/**
 * The positions of a loader, and its batches; all calls belong to one transaction. `Reading` reads from
 * a warehouse, `Writing` may change it.
 */
export interface Ledger<Reading, Writing = Reading> {
  /** The prefix of the tables to fill: empty, or that of the tables beside BRONZE. */
  readonly prefix: string;
  /** @throws PreconditionError if an adoption has moved the topic to another cluster. */
  positions(reading: Reading, topic: TopicId): Promise<ReadonlyMap<number, bigint>>;
  /**
   * Compare-and-set of every position, and each batch's line: before any row, so that a loader that lost writes none.
   * @returns the batches with the rows to write. @throws FencedError.
   */
  advance(writing: Writing, batches: readonly Batch[], ingestedAt: Date): Promise<NumberedBatch[]>;
}
