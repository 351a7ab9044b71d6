import type { KafkaAdmin } from './cluster-admin.ts';
import type { Offsets } from './topic.ts';

/** How far a consumer is behind the end of its topic. */
export interface Lag {
  readonly records: number;
  /** Age of the oldest record that waits; 0 if none waits. */
  readonly seconds: number;
}

const longestSeconds = 365 * 86_400;

/**
 * @param done per partition the first offset that is not done; absent if the consumer has not begun the partition.
 * @param nowMs milliseconds since the epoch, by the clock that stamps the records.
 * Finds the age by binary search in Kafka's index of timestamps: about 2 log2(age) small requests, and none if no record
 * waits. If compaction removed the oldest waiting record, the age is that of the record before it.
 * @throws KafkaError if Kafka is out of reach.
 */
export async function lagOf(admin: KafkaAdmin, topic: string, done: Offsets, nowMs: number): Promise<Lag> {
  const { low, high } = await admin.topicOffsets(topic);
  const waiting = new Map<number, bigint>();
  let records = 0n;
  for (const [partition, end] of high) {
    const next = done.get(partition) ?? low.get(partition) ?? 0n;
    if (end <= next) continue;
    waiting.set(partition, next);
    records += end - next;
  }
  if (records === 0n) return { records: 0, seconds: 0 };
  // Offsets that compaction removed from the beginning do not wait.
  const oldest = await admin.offsetsAt(topic, 0);
  const isAnyOlderThan = async (seconds: number) => {
    const firsts = await admin.offsetsAt(topic, nowMs - seconds * 1_000);
    return [...waiting].some(([partition, next]) => {
      const first = firsts.get(partition) ?? next;
      return first > next && first > (oldest.get(partition) ?? 0n);
    });
  };
  return { records: Number(records), seconds: await largestWhere(isAnyOlderThan) };
}

/** The largest number of seconds up to a year for which `holds` is true. It must be true for all below; 0 if for none. */
async function largestWhere(holds: (value: number) => Promise<boolean>): Promise<number> {
  let beyond = 1;
  while (beyond < longestSeconds && (await holds(beyond))) beyond *= 2;
  let within = beyond === 1 ? 0 : beyond / 2;
  while (beyond - within > 1) {
    const middle = Math.floor((within + beyond) / 2);
    if (await holds(middle)) within = middle;
    else beyond = middle;
  }
  return within;
}
