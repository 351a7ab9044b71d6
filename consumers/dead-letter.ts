import { createHash } from 'node:crypto';
import { RecordTooLargeError } from '../lib/kafka/errors.ts';
import type { ConsumerRecord, ProducerRecord, Sink, UnusableRecord } from '../lib/kafka/topic.ts';
import type { DeadLetter, DeadLetterReason } from '../schemas/records.ts';

/** What a record that is sent back says of where it first came from, so that it is known when it comes here again. */
const header = { origin: 'tmdb-origin', timestamp: 'tmdb-origin-timestamp', replays: 'tmdb-replays' } as const;

type Origin = Pick<DeadLetter, 'originTopic' | 'originPartition' | 'originOffset' | 'originTimestamp' | 'replays'>;

/** Identifies what was parked for ever, however often it is sent back: the key of all its dead letters. */
export const deadLetterKey = ({ originTopic, originPartition, originOffset }: Origin): string =>
  `${originTopic}/${originPartition}/${originOffset}`;

/** Why a record is parked. */
export interface Failure {
  readonly reason: DeadLetterReason;
  readonly message: string;
  readonly attempts: number;
}

/** What of a letter's message is kept: it may quote what others wrote. */
const maxMessageChars = 2_000;

/**
 * A record that cannot be used, on its way to `tmdb.dead-letters`: where it came from and what it held, untouched; of one that
 * was beyond our limits, the beginning with size and hash. Keyed by its origin, so parking it twice makes the same key twice.
 */
export function deadLetterOf(record: ConsumerRecord, failure: Failure, failedAt: Date): ProducerRecord<DeadLetter> {
  const origin = originOf(record);
  const { unusable } = record;
  const value = {
    ...{ ...origin, originKey: record.key, originValue: record.value },
    ...{ ...failure, message: failure.message.slice(0, maxMessageChars), failedAt },
    originValueBytes: unusable?.valueBytes ?? null,
    originValueSha256: unusable?.valueSha256 ?? null,
    originLastOffsetDelta: unusable?.reason === 'unreadable_batch' ? Number(unusable.lastOffset - record.offset) : null,
  };
  return { key: deadLetterKey(origin), value };
}

/** Why a record is parked that was fetched as unusable. */
export const failureOf = ({ reason, message }: UnusableRecord): Failure => ({ reason, message, attempts: 1 });

/** What a letter keeps of a value for which the topic of dead letters has no room. */
const keptBytes = 65_536;

/**
 * Writes letters; one that is larger than `tmdb.dead-letters` takes, whose limit a person may have lowered, is cut so that it fits.
 * @throws KafkaError when Kafka refuses.
 */
export async function publishLetters(
  sink: Sink<DeadLetter>,
  letters: readonly ProducerRecord<DeadLetter>[],
): Promise<void> {
  try {
    await sink.publish(letters);
  } catch (error) {
    if (!(error instanceof RecordTooLargeError)) throw error;
    // Some of them may be there already. A second copy has the same key, so it is the same letter.
    await sink.publish(letters.map(({ value, ...record }) => ({ ...record, value: cut(value) })));
  }
}

function cut(letter: DeadLetter): DeadLetter {
  const { originValue } = letter;
  if (originValue === null || originValue.length <= keptBytes) return letter;
  return {
    ...letter,
    originValue: originValue.subarray(0, keptBytes),
    originValueBytes: originValue.length,
    originValueSha256: createHash('sha256').update(originValue).digest(),
  };
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
        originTimestamp: dateOf(timestamp),
        replays: 0,
      };
}

/** The end of the year 9999: a schema's dates end there, and a record may have any 64 bits as its time. */
const maxDateMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const dateOf = (ms: number): Date => new Date(Math.min(Math.max(ms, -maxDateMs), maxDateMs));

/** Fewer digits than would be too large for the field that the number is put into. */
const numberOf = (text = '', maxDigits = 9): number | null =>
  /^\d+$/.test(text) && text.length <= maxDigits ? Number(text) : null;
