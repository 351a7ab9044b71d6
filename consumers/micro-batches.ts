import { type ConsumerRecord, partitionKey, type TopicPartition } from '../kafka/topic.ts';
import type { Batch, PartitionId, RawGenresRow, RawMovieRow } from '../warehouse/warehouse.ts';

/** Collected offsets `[firstOffset, nextOffset)` of a partition. */
export interface Pending {
  readonly partition: PartitionId;
  readonly table: Batch['table'];
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  /** The records of the rows, unchanged: one of them may still have to be parked. */
  readonly records: readonly ConsumerRecord[];
  /** One per record, in the same order. */
  readonly rows: readonly (RawMovieRow | RawGenresRow)[];
}

/** As the warehouse accepts it. All rows of a topic belong to one table, which the type cannot express. */
export const toBatch = ({ partition, firstOffset, nextOffset, table, rows }: Pending): Batch =>
  ({ partition, firstOffset, nextOffset, table, rows }) as Batch;

/** The same offsets with fewer rows. */
export const keepOffsets = (pending: Pending, isKept: (offset: bigint) => boolean): Pending => ({
  ...pending,
  records: pending.records.filter(({ offset }) => isKept(offset)),
  rows: pending.rows.filter(({ kafkaOffset }) => isKept(kafkaOffset)),
});

interface Filling extends Pending {
  nextOffset: bigint;
  readonly records: ConsumerRecord[];
  readonly rows: (RawMovieRow | RawGenresRow)[];
}

/** Records collected for the next flush. The offsets of a partition are consecutive. */
export class MicroBatches {
  #filling = new Map<string, Filling>();
  #rows = 0;
  #bytes = 0;

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#filling.size === 0;
  }

  /** Adds the rows of `[firstOffset, nextOffset)`, which follow those already collected of the partition. */
  add({ records, rows, ...pending }: Pending): void {
    const key = partitionKey(pending.partition);
    const filling = this.#filling.get(key) ?? { ...pending, records: [], rows: [] };
    this.#filling.set(key, filling);
    filling.nextOffset = pending.nextOffset; // mutant: loader.batch-grows
    for (const record of records) filling.records.push(record);
    for (const row of rows) {
      filling.rows.push(row);
      this.#bytes += row.body.length;
    }
    this.#rows += rows.length;
  }

  /** Drops a partition. */
  drop(partition: TopicPartition): void {
    const filling = this.#filling.get(partitionKey(partition));
    if (!filling) return;
    this.#filling.delete(partitionKey(partition));
    this.#rows -= filling.rows.length;
    this.#bytes -= filling.rows.reduce((sum, { body }) => sum + body.length, 0);
  }

  /** Returns everything that is collected, and starts from scratch. */
  take(): Pending[] {
    const taken = [...this.#filling.values()];
    this.#filling = new Map();
    this.#rows = 0;
    this.#bytes = 0;
    return taken;
  }
}
