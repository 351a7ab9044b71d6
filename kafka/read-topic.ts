import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdmin } from './admin.ts';
import type { Kafka } from './client.ts';
import { lostAwaited } from './gap.ts';
import {
  type FetchedBatch,
  type Member,
  runMember,
  type TopicPartitions,
  toConsumerRecords,
  whenAborted,
} from './group-member.ts';
import type { ConsumerRecord, Offsets } from './topic.ts';

/** How often the topic's offsets are looked at meanwhile. */
const lookEveryMs = 1_000;

/**
 * Reads a topic once, from its first record to the last that is there now; records of a partition come in order, one at
 * a time: a promise of `onRecord` is awaited. Unusable records go only to `onUnusable`. Leaves no group behind.
 * @throws KafkaError when Kafka cannot be read, GapError when the topic is created again meanwhile, or whatever `onRecord` threw.
 */
export async function readTopic(
  kafka: Kafka,
  topic: string,
  onRecord: (record: ConsumerRecord) => unknown,
  onUnusable: (record: ConsumerRecord) => void = () => {},
): Promise<void> {
  await using admin = createAdmin(kafka);
  const { low, high } = await admin.topicOffsets(topic);
  /** All below is done; `handed` may be ahead of it by the records in hand. */
  const [positions, handed] = [new Map(low), new Map(low)];
  if (isRead(positions, high)) return;
  const group = `${topic}-read-${randomUUID()}`;
  const settings = { group, maxBytesPerPartition: 4_000_000, maxBytes: 32_000_000, maxWaitMs: 100 };
  const done = Promise.withResolvers<void>();
  const moveTo = (partition: number, next: bigint) => {
    if (next > (positions.get(partition) ?? 0n)) positions.set(partition, next);
    if (isRead(positions, high)) done.resolve();
  };
  const hand = async (record: ConsumerRecord): Promise<void> => {
    const { partition, offset, unusable } = record;
    if (offset < (handed.get(partition) ?? 0n) || offset >= (high.get(partition) ?? 0n)) return;
    handed.set(partition, (unusable?.lastOffset ?? offset) + 1n);
    await (unusable ? onUnusable(record) : onRecord(record));
  };
  /** By partition, what is in hand: a consumer that died may have left something there. */
  const busy = new Map<number, Promise<void>>();
  const handAll = async (batch: FetchedBatch) => {
    for (const record of toConsumerRecords(batch)) await hand(record);
    moveTo(batch.partition, batch.next);
  };
  const handlerOf = (member: Member) => ({
    onJoined: (assignment: readonly TopicPartitions[]) => {
      for (const partition of assignment.flatMap(({ partitions }) => partitions)) {
        member.seek(topic, partition, positions.get(partition) ?? 0n);
      }
    },
    onBatch: async (batch: FetchedBatch, heartbeat: () => Promise<void>) => {
      // However long the reader takes, we stay a member.
      const beat = setInterval(() => void heartbeat().catch(() => {}), 500);
      const handing = (busy.get(batch.partition) ?? Promise.resolve()).then(() => handAll(batch));
      busy.set(
        batch.partition,
        handing.catch(() => {}),
      );
      try {
        await handing;
      } finally {
        clearInterval(beat);
      }
    },
  });
  /** What retention takes meanwhile, or a topic created again lacks, never comes. */
  const watch = async (over: AbortSignal) => {
    while (!over.aborted) {
      await delay(lookEveryMs, undefined, { signal: over }).catch(() => {});
      const now = await admin.topicOffsets(topic);
      for (const [partition, end] of high) {
        const last = now.high.get(partition) ?? 0n;
        if (last < end && (positions.get(partition) ?? 0n) < end) throw lostAwaited(topic, partition, end, last);
        moveTo(partition, now.low.get(partition) ?? 0n);
      }
    }
  };
  const work = async ({ over }: Member) => {
    const isOver = new AbortController();
    const watching = watch(AbortSignal.any([over, isOver.signal]));
    await Promise.race([done.promise, whenAborted(over), watching]).finally(() => isOver.abort());
    await watching.catch(() => {});
  };
  await runMember(kafka, [topic], settings, handlerOf, work);
  await admin.deleteGroup(group);
}

const isRead = (positions: Offsets, high: Offsets): boolean =>
  [...high].every(([partition, end]) => (positions.get(partition) ?? 0n) >= end);
