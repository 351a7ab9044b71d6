import type { ConsumerRecord, RecordSource } from '../../../kafka/topic.ts';
import { keyOf } from './key-of.ts';
import { topics } from './topics.ts';

/** A record source in memory: delivers its records one after the other, then ends. */
export class MemoryRecordSource implements RecordSource {
  /** Offsets of finished records. */
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

/** A record of the ids topic as Kafka stores it. @param key @default the key that our producers use. */
export const consumerRecord = (
  offset: number,
  value: Buffer | null,
  key = keyOf(topics.movieIds.name, value),
): ConsumerRecord => ({
  topic: topics.movieIds.name,
  partition: 0,
  offset: BigInt(offset),
  timestamp: Date.UTC(2026, 0, 1),
  key,
  value,
});
