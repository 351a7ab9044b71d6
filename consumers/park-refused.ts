import { type ConsumerRecord, recordKey } from '../kafka/topic.ts';
import type { Platform } from '../platform/platform.ts';
import { systemClock } from '../runtime/clock.ts';
import type { RawTopics } from '../schemas/topics.ts';
import type { RecordAddress } from '../warehouse/warehouse.ts';
import { deadLetterOf, failureOf, publishLetters } from './dead-letter.ts';
import { isProblem, toRawRow } from './raw-row.ts';

/** Why a record of a raw topic is refused, in the words of its dead letter; null if it is a row. @param now ms since the epoch. */
export function refusalOf(topics: RawTopics, record: ConsumerRecord, now: number) {
  const row = record.unusable ?? toRawRow(topics, record, now);
  return isProblem(row) ? failureOf(row) : null;
}

/**
 * Parks the records that the present rules refuse; they were loaded before these rules existed. It runs
 * before their rows are dropped, so a record is always in BRONZE, in dead letters or, for a moment, in both.
 * @returns the parked records. @throws KafkaError.
 */
export async function parkRefused(
  platform: Platform,
  missing: readonly RecordAddress[],
): Promise<ReadonlySet<RecordAddress>> {
  const parked = new Set<RecordAddress>();
  if (missing.length === 0) return parked;
  const wanted = new Set(missing);
  const { cluster, deadLetters } = await platform.kafka();
  const { topics } = cluster;
  const now = systemClock.now();
  for (const topic of [topics.rawMovies, topics.rawGenres]) {
    if (!missing.some((address) => address.startsWith(`${topic.name}/`))) continue;
    await cluster.readTopic(topic, async (record) => {
      const refusal = wanted.has(recordKey(record)) ? refusalOf(topics, record, now) : null;
      if (!refusal) return;
      await publishLetters(deadLetters, [deadLetterOf(record, refusal, new Date(now))]);
      parked.add(recordKey(record));
    });
  }
  return parked;
}
