import type { ConsumerRecord, ProducerRecord } from '../lib/kafka/topic.ts';
import type { DeadLetter, DeadLetterReason } from '../schemas/records.ts';

/**
 * A record that cannot be used, on its way to `tmdb.dead-letters`: where it came from and what it held, untouched.
 * Keyed by its origin, so parking it twice makes the same key twice.
 */
export const deadLetterOf = (
  record: ConsumerRecord,
  failure: { readonly reason: DeadLetterReason; readonly message: string; readonly attempts: number },
  failedAt: Date,
): ProducerRecord<DeadLetter> => ({
  key: `${record.topic}/${record.partition}/${record.offset}`,
  value: {
    originTopic: record.topic,
    originPartition: record.partition,
    originOffset: record.offset,
    originTimestamp: new Date(record.timestamp),
    originKey: record.key,
    originValue: record.value,
    ...failure,
    replays: 0,
    failedAt,
  },
});
