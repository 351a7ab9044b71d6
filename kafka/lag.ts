import type { KafkaAdmin } from './cluster-admin.ts';
import type { Offsets } from './topic.ts';

/** How far a consumer is behind its topic. */
export interface Lag {
  readonly records: number;
  /** Age of the oldest record it has not come to; 0 when there is none. */
  readonly seconds: number;
}

const longestSeconds = 365 * 86_400;

/**
 * @param done per partition the first offset that is not done; a partition without one is not begun.
 * @param nowMs milliseconds since the epoch, by the clock that stamps the records.
 * The age comes from Kafka's index of timestamps, by halving: some 2 log2(age) small questions, and none when nothing
 * waits. Where the oldest waiting record was compacted away, the age is that of the record before it.
 * @throws KafkaError when Kafka cannot be asked.
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
  // What was compacted away at the beginning is no record that waits.
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

/** The largest whole number up to a year for which `holds`, which holds for all below it; 0 when for none. */
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
