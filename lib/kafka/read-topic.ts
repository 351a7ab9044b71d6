import { randomUUID } from 'node:crypto';
import type { Kafka } from 'kafkajs';
import type { TopicName } from '../../schemas/topics.ts';
import { createAdmin } from './admin.ts';
import { type FetchedBatch, runMember, toConsumerRecord, whenAborted } from './group-member.ts';
import type { ConsumerRecord, Offsets } from './topic.ts';

/**
 * Reads a topic once, from its first record to the last that is there now; records of a partition come in order.
 * Leaves no group behind. @throws KafkaError when Kafka cannot be read, or whatever `onRecord` threw.
 */
export async function readTopic(
  kafka: Kafka,
  topic: TopicName,
  onRecord: (record: ConsumerRecord) => void,
): Promise<void> {
  await using admin = await createAdmin(kafka);
  const { low, high } = await admin.topicOffsets(topic);
  const positions = new Map(low);
  if (isRead(positions, high)) return;
  const group = `${topic}-read-${randomUUID()}`;
  const settings = { group, maxBytesPerPartition: 4_000_000, maxBytes: 32_000_000, maxWaitMs: 100 };
  const done = Promise.withResolvers<void>();
  const moveTo = (partition: number, next: bigint) => {
    positions.set(partition, next);
    if (isRead(positions, high)) done.resolve();
  };
  const handlerOf = () => ({
    // A member that was thrown out begins again: what was read is not handed out twice.
    onJoined: () => {},
    onHole: (_: string, partition: number, next: bigint) => moveTo(partition, next),
    onBatch: async ({ partition, messages, next }: FetchedBatch) => {
      const [from, end] = [positions.get(partition) ?? 0n, high.get(partition) ?? 0n];
      for (const message of messages) {
        const record = toConsumerRecord(topic, partition, message);
        if (record.offset >= from && record.offset < end) onRecord(record);
      }
      if (next > from) moveTo(partition, next);
    },
  });
  await runMember(kafka, [topic], settings, handlerOf, ({ over }) => Promise.race([done.promise, whenAborted(over)]));
  await admin.deleteGroup(group);
}

const isRead = (positions: Offsets, high: Offsets): boolean =>
  [...high].every(([partition, end]) => (positions.get(partition) ?? 0n) >= end);
