import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { whenAborted } from '../runtime/abort.ts';
import { createAdmin } from './admin.ts';
import type { Kafka } from './client.ts';
import { lostAwaited } from './gap.ts';
import {
  type FetchedBatch,
  type Member,
  runMember,
  type TopicPartitions,
  toConsumerRecord,
  withHeartbeats,
} from './group-member.ts';
import type { ConsumerRecord, Offsets } from './topic.ts';

/**
 * A record takes ten times its bytes in objects. They are collected early if they are few: with fetches of 128 KB, a topic with a million
 * ids needs 86 MB less memory than with 256 KB, for no more CPU time. Still smaller fetches cost time.
 */
const smallFetches = { maxBytesPerPartition: 32_000, maxBytes: 128_000, maxWaitMs: 100 };

/** How often (ms) the offsets of the topic are checked meanwhile. */
const checkEveryMs = 1_000;

/**
 * Reads a topic once, from its first record to the last that is there now; records of a partition come in order, one at
 * a time: a promise of `onRecord` is awaited. A missing topic has no records. Unusable records go only to `onUnusable`. Leaves no
 * group behind.
 * @throws KafkaError when Kafka cannot be read, GapError when the topic is created again meanwhile, or whatever `onRecord` threw.
 */
export async function readTopic(
  kafka: Kafka,
  topic: string,
  onRecord: (record: ConsumerRecord) => unknown,
  onUnusable: (record: ConsumerRecord) => void = () => {},
): Promise<void> {
  await using admin = createAdmin(kafka);
  if ((await admin.missingTopics()).includes(topic)) return;
  const { low, high } = await admin.topicOffsets(topic);
  /** All offsets below `positions` are done; `delivered` may be ahead of it by the records in flight. */
  const [positions, delivered] = [new Map(low), new Map(low)];
  if (isRead(positions, high)) return;
  const group = `${topic}-read-${randomUUID()}`;
  const settings = { group, ...smallFetches };
  const done = Promise.withResolvers<void>();
  const moveTo = (partition: number, next: bigint) => {
    if (next > (positions.get(partition) ?? 0n)) positions.set(partition, next);
    if (isRead(positions, high)) done.resolve();
  };
  const deliver = (record: ConsumerRecord): unknown => {
    const { partition, offset, unusable } = record;
    if (offset < (delivered.get(partition) ?? 0n) || offset >= (high.get(partition) ?? 0n)) return undefined;
    delivered.set(partition, (unusable?.lastOffset ?? offset) + 1n);
    return unusable ? onUnusable(record) : onRecord(record);
  };
  /** The delivery in flight of each partition: a consumer that failed may have left one. */
  const busy = new Map<number, Promise<void>>();
  const deliverAll = async (batch: FetchedBatch) => {
    for (const message of batch.messages) {
      const delivering = deliver(toConsumerRecord(batch, message));
      // To await each of a million records would take a second.
      if (delivering instanceof Promise) await delivering;
    }
    moveTo(batch.partition, batch.next);
  };
  const handlerOf = (member: Member) => ({
    onJoined: (assignment: readonly TopicPartitions[]) => {
      for (const partition of assignment.flatMap(({ partitions }) => partitions)) {
        member.seek(topic, partition, positions.get(partition) ?? 0n);
      }
    },
    onBatch: async (batch: FetchedBatch, heartbeat: () => Promise<void>) => {
      const delivering = (busy.get(batch.partition) ?? Promise.resolve()).then(() => deliverAll(batch));
      busy.set(
        batch.partition,
        delivering.catch(() => {}),
      );
      await withHeartbeats(heartbeat, () => delivering);
    },
  });
  /** Records that retention removes meanwhile, or that a topic created again lacks, never come. */
  const watch = async (closed: AbortSignal) => {
    while (!closed.aborted) {
      await delay(checkEveryMs, undefined, { signal: closed }).catch(() => {});
      const now = await admin.topicOffsets(topic);
      for (const [partition, end] of high) {
        const last = now.high.get(partition) ?? 0n;
        if (last < end && (positions.get(partition) ?? 0n) < end) throw lostAwaited(topic, partition, end, last);
        moveTo(partition, now.low.get(partition) ?? 0n);
      }
    }
  };
  const work = async ({ closed }: Member) => {
    const ended = new AbortController();
    const watching = watch(AbortSignal.any([closed, ended.signal]));
    await Promise.race([done.promise, whenAborted(closed), watching]).finally(() => ended.abort());
    await watching.catch(() => {});
  };
  await runMember(kafka, [topic], settings, handlerOf, work);
  await admin.deleteGroup(group);
}

const isRead = (positions: Offsets, high: Offsets): boolean =>
  [...high].every(([partition, end]) => (positions.get(partition) ?? 0n) >= end);
