import { closedReplays, deadLetterKey } from '../consumers/dead-letter.ts';
import type { KafkaCluster } from '../kafka/cluster.ts';
import type { ConsumerRecord } from '../kafka/topic.ts';
import { isAfter, type RecordPosition } from '../kafka/topic.ts';
import type { Logger } from '../runtime/logger.ts';
import { DecodeError } from '../schemas/codec.ts';
import { deadLetterCodec } from '../schemas/codecs.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';
import { type MovieRequest, requestIn } from '../schemas/movie-request.ts';
import { movieIdOf } from '../schemas/record-rules.ts';
import type { DeadLetter } from '../schemas/records.ts';

/** The newest dead letter of a record, without the record itself, because all records may take gigabytes. */
export interface Letter extends Omit<DeadLetter, 'originValue'> {
  /** The record's first origin, `topic/partition/offset`. */
  readonly id: string;
  /** The record's movie, if its key names one. */
  readonly movieId: number | null;
  /** Size of the record's whole value, or of the batch; null for a tombstone. */
  readonly valueBytes: number | null;
  /** The request in the headers of the record, if it had one. */
  readonly request?: MovieRequest;
  /** Neither sent back nor purged. */
  readonly isOpen: boolean;
  /** The letter's address in `tmdb.dead-letters`. */
  readonly place: RecordPosition;
}

export interface WholeLetter extends Letter, DeadLetter {}

/** A selection of letters: all given conditions must hold. */
export interface LetterFilter {
  readonly reason?: DeadLetterReason;
  /** Topic of the origin. */
  readonly topic?: string;
  /** Milliseconds since the epoch, of the failure: at or after the first, and before the second. */
  readonly since?: number;
  readonly until?: number;
  /** Ids of letters, or of movies. */
  readonly ids?: ReadonlySet<string>;
}

export const matches = ({ reason, topic, since, until, ids }: LetterFilter, letter: Letter): boolean =>
  (reason === undefined || letter.reason === reason) &&
  (topic === undefined || letter.originTopic === topic) &&
  (since === undefined || letter.failedAt.getTime() >= since) &&
  (until === undefined || letter.failedAt.getTime() < until) &&
  (ids === undefined || ids.has(letter.id) || ids.has(String(letter.movieId)));

/**
 * `tmdb.dead-letters` as a table: the newest letter of each parked record, the oldest failure first. A letter is
 * closed by a later tombstone of its key that includes it.
 * @throws KafkaError if Kafka cannot be read.
 */
export async function readLetters(kafka: KafkaCluster, log: Logger): Promise<Letter[]> {
  const letters = new Map<string, Omit<Letter, 'isOpen'>>();
  const closings = new Map<string, Closing>();
  const take = (record: ConsumerRecord) => {
    const { partition, offset, timestamp } = record;
    const place = { partition, offset, timestamp };
    if (record.value === null) {
      keepNewest(closings, String(record.key), { place, replays: closedReplays(record) });
    } else {
      const letter = decode(record, log);
      const request = requestIn(record.headers);
      if (letter) {
        keepNewest(letters, deadLetterKey(letter), { ...withoutValue(letter), place, ...(request && { request }) });
      }
    }
  };
  await kafka.readTopic(kafka.topics.deadLetters, take, (record) => warnOf(log, record, record.unusable?.message));
  return [...letters.values()]
    .map((letter) => ({ ...letter, isOpen: !isClosed(letter, closings.get(letter.id)) }))
    .sort((a, b) => a.failedAt.getTime() - b.failedAt.getTime());
}

interface Closing {
  readonly place: RecordPosition;
  readonly replays: number;
}

const isClosed = (letter: Omit<Letter, 'isOpen'>, closing: Closing | undefined): boolean =>
  closing !== undefined && isAfter(closing.place, letter.place) && closing.replays >= letter.replays;

function keepNewest<T extends { readonly place: RecordPosition }>(newest: Map<string, T>, key: string, entry: T): void {
  const known = newest.get(key);
  if (!known || isAfter(entry.place, known.place)) newest.set(key, entry);
}

function withoutValue({ originValue, ...letter }: DeadLetter) {
  // A copy: the key is a view of a whole fetch, which it would keep in memory.
  const originKey = letter.originKey && Buffer.from(letter.originKey);
  const id = deadLetterKey(letter);
  return {
    ...letter,
    originKey,
    id,
    movieId: movieIdOf(originKey),
    valueBytes: letter.originValueBytes ?? originValue?.length ?? null,
  };
}

function decode(record: ConsumerRecord, log: Logger): DeadLetter | null {
  try {
    return record.value && deadLetterCodec.decode(record.value);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    warnOf(log, record, error.message);
    return null;
  }
}

const warnOf = (log: Logger, { partition, offset }: ConsumerRecord, error: string | undefined) =>
  log.warn({ partition, offset: String(offset), error }, 'a record in the dead-letter topic is not a dead letter');

/** A batch is large enough to be fast, and small enough to be repeated after a kill. */
const maxBatch = { letters: 100, bytes: 4_000_000 };

/**
 * Reads the topic again and passes on complete letters of `letters`, in batches. The next batch waits until `handle` has
 * finished the previous one. Letters that retention removed meanwhile are missing.
 * @throws KafkaError if Kafka cannot be read, or the error of `handle`.
 */
export async function eachBatch(
  kafka: KafkaCluster,
  letters: readonly Letter[],
  handle: (batch: readonly WholeLetter[]) => Promise<void>,
): Promise<void> {
  if (letters.length === 0) return;
  const wanted = new Map(letters.map((letter) => [addressOf(letter.place), letter]));
  let batch: WholeLetter[] = [];
  let bytes = 0;
  const flush = async () => {
    const full = batch;
    [batch, bytes] = [[], 0];
    if (full.length > 0) await handle(full);
  };
  await kafka.readTopic(kafka.topics.deadLetters, async (record) => {
    const letter = wanted.get(addressOf(record));
    if (!letter || record.value === null) return;
    batch.push({ ...letter, originValue: deadLetterCodec.decode(record.value).originValue });
    bytes += record.value.length;
    if (batch.length >= maxBatch.letters || bytes >= maxBatch.bytes) await flush();
  });
  await flush();
}

const addressOf = ({ partition, offset }: RecordPosition): string => `${partition}/${offset}`;
