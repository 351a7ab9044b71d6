import type { ConsumerRecord } from '../lib/kafka/topic.ts';
import type { Batch, PartitionId, RawGenresRow, RawMovieRow } from '../lib/warehouse/warehouse.ts';
import { type TopicName, topics } from '../schemas/topics.ts';

/** A record and the row that was made of it. */
export type LoadedRow =
  | { readonly table: 'raw_movies'; readonly record: ConsumerRecord; readonly row: RawMovieRow }
  | { readonly table: 'raw_genres'; readonly record: ConsumerRecord; readonly row: RawGenresRow };

/** The offsets `[firstOffset, nextOffset)` of a partition that wait to be loaded. */
export interface Pending {
  readonly partition: PartitionId & { readonly topic: TopicName };
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  readonly rows: readonly LoadedRow[];
}

/** As the warehouse takes it. A topic's rows are all of one table. */
export function toBatch({ partition, firstOffset, nextOffset, rows }: Pending): Batch {
  const offsets = { partition, firstOffset, nextOffset };
  return partition.topic === topics.rawGenres
    ? {
        ...offsets,
        table: 'raw_genres',
        rows: rows.flatMap((loaded) => (loaded.table === 'raw_genres' ? [loaded.row] : [])),
      }
    : {
        ...offsets,
        table: 'raw_movies',
        rows: rows.flatMap((loaded) => (loaded.table === 'raw_movies' ? [loaded.row] : [])),
      };
}

const keyOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }) => `${topic}/${partition}`;

interface Filling {
  readonly partition: Pending['partition'];
  readonly firstOffset: bigint;
  nextOffset: bigint;
  readonly rows: LoadedRow[];
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
  add({ partition, firstOffset, nextOffset, rows }: Pending): void {
    const key = keyOf(partition);
    const filling = this.#filling.get(key) ?? { partition, firstOffset, nextOffset, rows: [] };
    this.#filling.set(key, filling);
    filling.nextOffset = nextOffset;
    for (const loaded of rows) {
      filling.rows.push(loaded);
      this.#rows += 1;
      this.#bytes += loaded.row.body.length;
    }
  }

  /** Forgets a partition. */
  drop(partition: { readonly topic: string; readonly partition: number }): void {
    const filling = this.#filling.get(keyOf(partition));
    if (!filling) return;
    this.#filling.delete(keyOf(partition));
    this.#rows -= filling.rows.length;
    this.#bytes -= filling.rows.reduce((sum, { row }) => sum + row.body.length, 0);
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
