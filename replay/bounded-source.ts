import {
  type ConsumerRecord,
  type Offsets,
  type PartitionHandler,
  type PartitionRecords,
  type PartitionSource,
  partitionKey,
} from '../kafka/topic.ts';

/**
 * The same source without the records at or beyond `ends` (a partition without an end has none) and without records that are
 * not selected. Omitted records count as read.
 */
export const boundedSource = (
  source: PartitionSource,
  ends: ReadonlyMap<string, Offsets>,
  isWanted: (record: ConsumerRecord) => boolean = () => true,
): PartitionSource => ({
  run: (handler, options) => source.run(new BoundedHandler(handler, ends, isWanted), options),
  commit: (topic, next) => source.commit(topic, next),
});

class BoundedHandler implements PartitionHandler {
  readonly #handler: PartitionHandler;
  readonly #ends: ReadonlyMap<string, Offsets>;
  readonly #isWanted: (record: ConsumerRecord) => boolean;
  /** The offset up to which each partition was passed on; never beyond its end. */
  readonly #next = new Map<string, bigint>();

  constructor(
    handler: PartitionHandler,
    ends: ReadonlyMap<string, Offsets>,
    isWanted: (record: ConsumerRecord) => boolean,
  ) {
    this.#handler = handler;
    this.#ends = ends;
    this.#isWanted = isWanted;
  }

  async position(topic: string, partition: number, topicId: string): Promise<bigint | null> {
    const position = await this.#handler.position(topic, partition, topicId);
    this.#next.set(partitionKey({ topic, partition }), position ?? 0n);
    return position;
  }

  async records({ topic, partition, records, next }: PartitionRecords): Promise<void> {
    const key = partitionKey({ topic, partition });
    const end = this.#ends.get(topic)?.get(partition) ?? 0n;
    if ((this.#next.get(key) ?? 0n) >= end) return;
    const bounded = next < end ? next : end;
    this.#next.set(key, bounded);
    const within = records.filter((record) => record.offset < end && this.#isWanted(record));
    await this.#handler.records({ topic, partition, records: within, next: bounded });
  }

  revoked(topic: string, partition: number): void {
    this.#handler.revoked(topic, partition);
  }
}
