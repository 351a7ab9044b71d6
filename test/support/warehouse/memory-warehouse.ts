import { isStrictJson } from '../../../warehouse/document.ts';
import { withoutExpired } from '../../../warehouse/expiry.ts';
import { withoutRepeated } from '../../../warehouse/sent-back.ts';
import {
  type Batch,
  batchId,
  FencedError,
  InvalidRowsError,
  type PartitionId,
  type TopicId,
  type Warehouse,
} from '../../../warehouse/warehouse.ts';
import type { Contents } from './warehouse-contract.ts';

const topicOf = ({ clusterId, topic, topicId }: TopicId) => `${clusterId}|${topic}|${topicId}`;
const keyOf = (id: PartitionId) => `${topicOf(id)}|${id.partition}`;

/** A warehouse in memory with the promises of a real one: it passes the same contract suite. */
export class MemoryWarehouse implements Warehouse {
  readonly batches: Batch[] = [];
  readonly #positions = new Map<string, { readonly id: PartitionId; next: bigint }>();
  /** Errors for the next calls of `append`: thrown `before` the call takes effect, or `after`, as if a reply was lost. */
  readonly failures: { readonly when: 'before' | 'after'; readonly error: Error }[] = [];

  readonly #retentionMs: number;

  constructor(retentionMs = Number.POSITIVE_INFINITY) {
    this.#retentionMs = retentionMs;
  }

  async migrate(): Promise<void> {}

  async positions(topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
    const ofTopic = [...this.#positions.values()].filter(({ id }) => topicOf(id) === topicOf(topic));
    return new Map(ofTopic.map(({ id, next }) => [id.partition, next]));
  }

  async append(given: readonly Batch[]): Promise<number> {
    const before = new Date(Math.max(0, Date.now() - this.#retentionMs));
    const batches = await withoutRepeated(withoutExpired(given, before).batches, async () => this.#answers());
    // From here on without a wait, as in a transaction.
    const failure = this.failures.shift();
    if (failure?.when === 'before') throw failure.error;
    for (const { partition, firstOffset } of batches) {
      const stored = this.#positions.get(keyOf(partition))?.next ?? null;
      if (stored !== null && stored !== firstOffset) throw new FencedError(partition, firstOffset, stored);
    }
    const invalid = batches.flatMap(({ partition, rows }) =>
      [...rows].filter(({ body }) => !isStrictJson(body)).map(({ kafkaOffset }) => ({ partition, kafkaOffset })),
    );
    if (invalid.length > 0) throw new InvalidRowsError(invalid);
    for (const batch of batches) {
      this.batches.push(batch);
      this.#positions.set(keyOf(batch.partition), { id: batch.partition, next: batch.nextOffset });
    }
    if (failure?.when === 'after') throw failure.error;
    return batches.reduce((sum, { rows }) => sum + rows.length, 0);
  }

  /** The answers of all rows, as a query returns them. */
  #answers(): Record<string, unknown>[] {
    return this.batches.flatMap(({ rows }) =>
      [...rows].map((row) => ({
        ...('movieId' in row ? { movie_id: row.movieId } : { language: row.language }),
        ...{ source_url: row.sourceUrl, fetched_at: row.fetchedAt },
      })),
    );
  }

  /** Offsets of all rows of a partition, in the order of arrival. */
  offsets(partition = 0): bigint[] {
    const ofPartition = this.batches.filter((batch) => batch.partition.partition === partition);
    return ofPartition.flatMap(({ rows }) => [...rows].map((row) => row.kafkaOffset));
  }

  look(): Contents {
    const bySeq = this.batches.map((batch, index) => ({ batch, loadSeq: BigInt(index + 1) }));
    return {
      movies: bySeq
        .flatMap(({ batch }) =>
          batch.table === 'raw_movies'
            ? batch.rows.map((row) => ({
                partition: batch.partition.partition,
                offset: row.kafkaOffset,
                movieId: BigInt(row.movieId),
                document: row.body.toString(),
                batchId: batchId(batch),
                request: row.request ?? {},
              }))
            : [],
        )
        .sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset)),
      genres: this.batches.flatMap((batch) =>
        batch.table === 'raw_genres'
          ? batch.rows.map((row) => ({ offset: row.kafkaOffset, document: row.body.toString() }))
          : [],
      ),
      batches: bySeq.map(({ batch, loadSeq }) => ({
        batchId: batchId(batch),
        loadSeq,
        rows: BigInt(batch.rows.length),
      })),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
