import { createHash } from 'node:crypto';
import { keptBytes } from '../kafka/batches/limits.ts';
import { RecordTooLargeError } from '../kafka/errors.ts';
import { type ConsumerRecord, type Headers, type ProducerRecord, recordKey, type Sink } from '../kafka/topic.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';
import { headersOf, type MovieRequest, requestIn } from '../schemas/movie-request.ts';
import type { Problem } from '../schemas/record-rules.ts';
import type { DeadLetter } from '../schemas/records.ts';

/** Headers of a record that is sent back: its first origin, so that it is recognized when it is parked again. */
const header = { origin: 'tmdb-origin', timestamp: 'tmdb-origin-timestamp', replays: 'tmdb-replays' } as const;

type Origin = Pick<DeadLetter, 'originTopic' | 'originPartition' | 'originOffset' | 'originTimestamp' | 'replays'>;

/** Identifies a parked record permanently, however often it is sent back: the key of all its dead letters. */
export const deadLetterKey = ({ originTopic, originPartition, originOffset }: Origin): string =>
  recordKey({ topic: originTopic, partition: originPartition, offset: originOffset });

/** Identifies one time that a record was parked: not a record of an earlier topic with the same name and offset, nor an earlier redrive. */
export const parkedKey = (origin: Origin): string =>
  `${deadLetterKey(origin)}/${origin.originTimestamp.getTime()}/${origin.replays}`;

/** Why a record is parked. */
export interface Failure {
  readonly reason: DeadLetterReason;
  readonly message: string;
  readonly attempts: number;
}

/** The maximum length of a letter's message, which may quote foreign text. */
const maxMessageChars = 2_000;

/**
 * A record that cannot be used, on its way to `tmdb.dead-letters`: its origin and its unchanged content. If the record exceeds our
 * limits, the beginning of the value with its size and hash. The key is the origin, so parking a record twice gives the same key.
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
  const request = requestIn(record.headers);
  return { key: deadLetterKey(origin), value, ...(request && { headers: headersOf(request) }) };
}

/** Why a record is parked that cannot be read, or that the rules refuse. */
export const failureOf = ({ reason, message }: Problem): Failure => ({ reason, message, attempts: 1 });

/**
 * Writes letters. If a letter is larger than `tmdb.dead-letters` accepts (a person may have lowered the limit), it is cut to fit.
 * @throws KafkaError if Kafka refuses the letter.
 */
export async function publishLetters(
  sink: Sink<DeadLetter>,
  letters: readonly ProducerRecord<DeadLetter>[],
): Promise<void> {
  try {
    await sink.publish(letters);
  } catch (error) {
    if (!(error instanceof RecordTooLargeError)) throw error; // mutant: dead-letters.too-large
    // Some letters may already be written. A second copy has the same key, so it replaces the first one.
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

/** The record of a dead letter, to be sent to the topic from which it came. It keeps the request that it belongs to. */
export const sentBack = ({
  request = {},
  ...letter
}: DeadLetter & { readonly request?: MovieRequest }): ProducerRecord<Buffer | null> => ({
  key: letter.originKey,
  value: letter.originValue,
  headers: {
    [header.origin]: deadLetterKey(letter),
    [header.timestamp]: String(letter.originTimestamp.getTime()),
    [header.replays]: String(letter.replays + 1),
    ...headersOf(request),
  },
});

/**
 * A tombstone for the dead letters of a key, up to the letter with this number of replays. The record may have been parked
 * again before its letter is closed, and the newer letter must stay open.
 */
export const closingOf = (letter: Origin): ProducerRecord<null> => ({
  key: deadLetterKey(letter),
  value: null,
  headers: { [header.replays]: String(letter.replays) },
});

/** The number of replays up to which a tombstone closes the letters of its key: without our header, all of them. */
export const closedReplays = ({ headers }: ConsumerRecord): number =>
  numberOf(headers?.[header.replays]) ?? Number.POSITIVE_INFINITY;

/** Whether these are headers of a record that was parked and sent back. */
export const isSentBack = (headers: Headers | undefined): boolean => firstOrigin(headers) !== null;

/** Where a record comes from: its first origin if it was sent back. Headers that we did not write are ignored. */
export const originOf = ({ topic, partition, offset, timestamp, headers }: ConsumerRecord): Origin =>
  firstOrigin(headers) ?? {
    originTopic: topic,
    originPartition: partition,
    originOffset: offset,
    originTimestamp: dateOf(timestamp),
    replays: 0,
  };

/** The first origin of a record that was sent back; null for any other record. */
function firstOrigin(headers: Headers = {}): Origin | null {
  const [, originTopic, originPartition, originOffset] =
    /^([\w.-]+)\/(\d{1,9})\/(\d{1,18})$/.exec(headers[header.origin] ?? '') ?? [];
  const [at, replays] = [numberOf(headers[header.timestamp], 13), numberOf(headers[header.replays])];
  if (originTopic === undefined || originOffset === undefined || at === null || replays === null) return null;
  return {
    originTopic,
    originPartition: Number(originPartition),
    originOffset: BigInt(originOffset),
    originTimestamp: new Date(at),
    replays,
  };
}

/** The end of the year 9999: the schema's dates end there, but a record's time can be any 64-bit number. */
const maxDateMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const dateOf = (ms: number): Date => new Date(Math.min(Math.max(ms, -maxDateMs), maxDateMs));

/** Few enough digits for the field that stores the number. */
const numberOf = (text = '', maxDigits = 9): number | null =>
  /^\d+$/.test(text) && text.length <= maxDigits ? Number(text) : null;
