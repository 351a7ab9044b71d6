import type { ConsumerRecord, ProducerRecord } from '../lib/kafka/topic.ts';
import type { DeadLetter, DeadLetterReason } from '../schemas/records.ts';

/** What a record that is sent back says of where it first came from, so that it is known when it comes here again. */
const header = { origin: 'tmdb-origin', timestamp: 'tmdb-origin-timestamp', replays: 'tmdb-replays' } as const;

type Origin = Pick<DeadLetter, 'originTopic' | 'originPartition' | 'originOffset' | 'originTimestamp' | 'replays'>;

/** Identifies what was parked for ever, however often it is sent back: the key of all its dead letters. */
export const deadLetterKey = ({ originTopic, originPartition, originOffset }: Origin): string =>
  `${originTopic}/${originPartition}/${originOffset}`;

/**
 * A record that cannot be used, on its way to `tmdb.dead-letters`: where it came from and what it held, untouched.
 * Keyed by its origin, so parking it twice makes the same key twice.
 */
export function deadLetterOf(
  record: ConsumerRecord,
  failure: { readonly reason: DeadLetterReason; readonly message: string; readonly attempts: number },
  failedAt: Date,
): ProducerRecord<DeadLetter> {
  const origin = originOf(record);
  const value = {
    ...{ ...origin, originKey: record.key, originValue: record.value, ...failure, failedAt },
    ...{ originValueBytes: null, originValueSha256: null, originLastOffsetDelta: null },
  };
  return { key: deadLetterKey(origin), value };
}

/** The record of a dead letter on its way back to the topic that it came from. */
export const sentBack = (letter: DeadLetter): ProducerRecord<Buffer | null> => ({
  key: letter.originKey,
  value: letter.originValue,
  headers: {
    [header.origin]: deadLetterKey(letter),
    [header.timestamp]: String(letter.originTimestamp.getTime()),
    [header.replays]: String(letter.replays + 1),
  },
});

/**
 * A tombstone for the dead letters of a key, up to the one with so many replays: what was sent back may have been parked
 * again before its letter is closed, and that newer letter has to stay open.
 */
export const closingOf = (letter: Origin): ProducerRecord<null> => ({
  key: deadLetterKey(letter),
  value: null,
  headers: { [header.replays]: String(letter.replays) },
});

/** Up to how many replays a tombstone closes the letters of its key: without our header, all of them. */
export const closedReplays = ({ headers }: ConsumerRecord): number =>
  numberOf(headers?.[header.replays]) ?? Number.POSITIVE_INFINITY;

/** Where the record first came from; headers that we did not write are nobody's. */
function originOf({ topic, partition, offset, timestamp, headers = {} }: ConsumerRecord): Origin {
  const [, originTopic, originPartition, originOffset] =
    /^([\w.-]+)\/(\d{1,9})\/(\d{1,18})$/.exec(headers[header.origin] ?? '') ?? [];
  const [at, replays] = [numberOf(headers[header.timestamp], 13), numberOf(headers[header.replays])];
  const isSentBack = originTopic !== undefined && originOffset !== undefined && at !== null && replays !== null;
  return isSentBack
    ? {
        originTopic,
        originPartition: Number(originPartition),
        originOffset: BigInt(originOffset),
        originTimestamp: new Date(at),
        replays,
      }
    : {
        originTopic: topic,
        originPartition: partition,
        originOffset: offset,
        originTimestamp: new Date(timestamp),
        replays: 0,
      };
}

/** Fewer digits than would be too large for the field that the number is put into. */
const numberOf = (text = '', maxDigits = 9): number | null =>
  /^\d+$/.test(text) && text.length <= maxDigits ? Number(text) : null;
