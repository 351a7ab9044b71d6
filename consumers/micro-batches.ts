import type { ConsumerRecord } from '../kafka/topic.ts';
import { type TopicName, topics } from '../schemas/topics.ts';
import type { Batch, PartitionId, RawGenresRow, RawMovieRow } from '../warehouse/warehouse.ts';

/** The offsets `[firstOffset, nextOffset)` of a partition that wait to be loaded. */
export interface Pending {
  readonly partition: PartitionId & { readonly topic: TopicName };
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  /** The records that become rows, as they came: one of them may yet have to be parked. */
  readonly records: readonly ConsumerRecord[];
  /** One a record, in the same order. */
  readonly rows: readonly (RawMovieRow | RawGenresRow)[];
}

/** As the warehouse takes it. A topic's rows are all of one table, which is more than the type can say. */
export const toBatch = ({ partition, firstOffset, nextOffset, rows }: Pending): Batch => {
  const table = partition.topic === topics.rawGenres ? 'raw_genres' : 'raw_movies';
  return { partition, firstOffset, nextOffset, table, rows } as Batch;
};

/** The same offsets with fewer rows. */
export const keepOffsets = (pending: Pending, isKept: (offset: bigint) => boolean): Pending => ({
  ...pending,
  records: pending.records.filter(({ offset }) => isKept(offset)),
  rows: pending.rows.filter(({ kafkaOffset }) => isKept(kafkaOffset)),
});

const keyOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }) => `${topic}/${partition}`;

interface Filling extends Pending {
  nextOffset: bigint;
  readonly records: ConsumerRecord[];
  readonly rows: (RawMovieRow | RawGenresRow)[];
}

/** What is collected until it is due. Offsets of a partition follow one another without a hole. */
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

  /** The rows of `[firstOffset, nextOffset)`, to follow what is already here of that partition. */
  add({ partition, firstOffset, nextOffset, records, rows }: Pending): void {
    const key = keyOf(partition);
    const filling = this.#filling.get(key) ?? { partition, firstOffset, nextOffset, records: [], rows: [] };
    this.#filling.set(key, filling);
    filling.nextOffset = nextOffset;
    for (const record of records) filling.records.push(record);
    for (const row of rows) {
      filling.rows.push(row);
      this.#bytes += row.body.length;
    }
    this.#rows += rows.length;
  }

  /** Forgets a partition. */
  drop(partition: { readonly topic: string; readonly partition: number }): void {
    const filling = this.#filling.get(keyOf(partition));
    if (!filling) return;
    this.#filling.delete(keyOf(partition));
    this.#rows -= filling.rows.length;
    this.#bytes -= filling.rows.reduce((sum, { body }) => sum + body.length, 0);
  }

  /** Everything, and starts anew. */
  take(): Pending[] {
    const taken = [...this.#filling.values()];
    this.#filling = new Map();
    this.#rows = 0;
    this.#bytes = 0;
    return taken;
  }
}
