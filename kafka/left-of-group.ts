import type { KafkaAdmin } from './cluster-admin.ts';
import { lostAwaited } from './gap.ts';
import type { Offsets } from './topic.ts';

/**
 * The number of offsets below the end of each partition that the group still needs. Partitions that it needs nothing of are
 * absent: committed, or no longer in the topic. @throws GapError if the topic ends earlier, KafkaError if Kafka is out of reach.
 */
export async function leftOf(
  admin: KafkaAdmin,
  group: string,
  topic: string,
  ends: Offsets,
): Promise<ReadonlyMap<number, bigint>> {
  const [committed, { low, high }] = await Promise.all([
    admin.committedOffsets(group, topic),
    admin.topicOffsets(topic),
  ]);
  const left = new Map<number, bigint>();
  for (const [partition, end] of ends) {
    const [next, first, last] = [committed.get(partition) ?? 0n, low.get(partition) ?? 0n, high.get(partition) ?? 0n];
    if (next >= end || first >= end) continue;
    if (last < end) throw lostAwaited(topic, partition, end, last);
    left.set(partition, first > next ? end - first : end - next);
  }
  return left;
}
