import type { ConsumerRecord, RecordSource } from '../../lib/kafka/topic.ts';

/** A topic's read side in memory: hands out its records one after the other, then ends. */
export class MemoryRecordSource implements RecordSource {
  /** Offsets whose record is done. */
  readonly done: bigint[] = [];
  readonly #records: readonly ConsumerRecord[];

  constructor(records: readonly ConsumerRecord[]) {
    this.#records = records;
  }

  async run(handle: (record: ConsumerRecord) => Promise<void>): Promise<void> {
    for (const record of this.#records) {
      await handle(record);
      this.done.push(record.offset);
    }
  }
}

/** A record as Kafka would hold it. */
export const consumerRecord = (offset: number, value: Buffer | null): ConsumerRecord => ({
  topic: 'tmdb.movie-ids',
  partition: 0,
  offset: BigInt(offset),
  timestamp: Date.UTC(2026, 0, 1),
  key: Buffer.from(String(offset)),
  value,
});
