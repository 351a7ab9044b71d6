import type { ConsumerRecord, Offsets, PartitionHandler, PartitionSource } from '../../../kafka/topic.ts';
import { settle } from '../clock/manual-clock.ts';
import { keyOf } from './key-of.ts';

/** The id of topics in memory. */
export const memoryTopicId = 'topic-in-memory';

/**
 * Partitions in memory. Assigns all of them, delivers the records from its position on in chunks of `chunkSize`
 * records, and continues with appended records until it is stopped.
 */
export class MemoryPartitionSource implements PartitionSource {
  readonly committed = new Map<string, bigint>();
  readonly #assigned = new Map<string, [string, number]>();
  readonly #records: ConsumerRecord[] = [];
  /** Ends of partitions whose last offsets are holes. */
  readonly #holes = new Map<string, bigint>();
  readonly #chunkSize: number;

  constructor(chunkSize = 3) {
    this.#chunkSize = chunkSize;
  }

  /** Adds the next offsets of a partition as one record that represents an unreadable batch. */
  appendUnreadable(topic: string, partition: number, offsets: number): void {
    const offset = this.end(topic, partition);
    this.append(topic, partition, Array(offsets).fill(undefined));
    const lastOffset = offset + BigInt(offsets - 1);
    const unusable = {
      reason: 'unreadable_batch',
      message: 'no',
      valueBytes: 9,
      valueSha256: null,
      lastOffset,
    } as const;
    this.#records.push({ topic, partition, offset, timestamp: 0, key: null, value: null, unusable });
  }

  /** Adds a value at the next offset of a partition; `undefined` leaves a hole, as compaction does. */
  append(
    topic: string,
    partition: number,
    values: readonly (Buffer | null | undefined)[],
    headers: ConsumerRecord['headers'] = {},
  ): void {
    this.#assigned.set(`${topic}/${partition}`, [topic, partition]);
    const offset = this.end(topic, partition);
    values.forEach((value, index) => {
      const record = { topic, partition, offset: offset + BigInt(index), timestamp: 0, headers };
      if (value === undefined) this.#holes.set(`${topic}/${partition}`, record.offset + 1n);
      else this.#records.push({ ...record, key: keyOf(topic, value), value });
    });
  }

  /** Adds one record with a key that the test chooses. */
  appendKeyed(topic: string, partition: number, key: Buffer | null, value: Buffer | null): void {
    this.#assigned.set(`${topic}/${partition}`, [topic, partition]);
    this.#records.push({ topic, partition, offset: this.end(topic, partition), timestamp: 0, key, value });
  }

  end(topic: string, partition: number): bigint {
    const last = this.#of(topic, partition).at(-1)?.offset ?? -1n;
    const hole = this.#holes.get(`${topic}/${partition}`) ?? 0n;
    return last + 1n > hole ? last + 1n : hole;
  }

  async run(handler: PartitionHandler, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const next = new Map<string, bigint>();
    while (!signal.aborted) {
      for (const [topic, partition] of this.#partitions()) {
        const key = `${topic}/${partition}`;
        if (!next.has(key)) next.set(key, (await handler.position(topic, partition, memoryTopicId)) ?? 0n);
        const from = next.get(key) ?? 0n;
        const left = this.#of(topic, partition).filter(({ offset }) => offset >= from);
        const records = left.slice(0, this.#chunkSize);
        const end = left.length > records.length ? (records.at(-1)?.offset ?? from) + 1n : this.end(topic, partition);
        if (end <= from || signal.aborted) continue;
        next.set(key, end);
        await handler.records({ topic, partition, records, next: end });
      }
      await settle();
    }
  }

  async commit(topic: string, next: Offsets): Promise<void> {
    for (const [partition, offset] of next) this.committed.set(`${topic}/${partition}`, offset);
  }

  #of(topic: string, partition: number): ConsumerRecord[] {
    return this.#records.filter((record) => record.topic === topic && record.partition === partition);
  }

  #partitions(): [string, number][] {
    return [...this.#assigned.values()];
  }
}
