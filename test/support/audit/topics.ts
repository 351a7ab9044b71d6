import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import { vi } from 'vitest';
import { boundDecoding } from '../../../kafka/batches/fetch-response.ts';
import type { Unusable } from '../../../kafka/batches/unusable.ts';
import { decodeOrNull } from '../../../schemas/codec.ts';
import { deadLetterCodec, movieIdCodec, rawGenresCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import { requestIn } from '../../../schemas/movie-request.ts';
import { plainClient } from '../kafka/client.ts';

export const rawTopics = ['tmdb.raw-movies', 'tmdb.raw-genres'] as const;
type RawTopic = (typeof rawTopics)[number];
const idTopics: readonly string[] = ['tmdb.movie-ids', 'tmdb.movie-ids-backfill'];
const allTopics = [...idTopics, ...rawTopics, 'tmdb.dead-letters'] as const;

/** A record of a raw topic, without its body. */
export interface RawEntry {
  readonly topic: RawTopic;
  readonly partition: number;
  readonly offset: bigint;
  /** topic/partition/offset. */
  readonly address: string;
  /** Of the whole value. */
  readonly hash: string;
  /** Its expected row of BRONZE; null if it cannot be decoded. */
  readonly contents: string | null;
  /** Whether it was parked and sent back. */
  readonly isSentBack: boolean;
  /** Its movie; null for genres, and if it cannot be decoded. */
  readonly answer: { readonly movieId: number; readonly fetchedAtMs: number } | null;
}

interface IdEntry {
  readonly address: string;
  readonly hash: string;
  /** null if it cannot be decoded. */
  readonly id: { readonly movieId: number; readonly requestedAtMs: number } | null;
}

interface Letter {
  /** Address of its record; for a batch, of the first record. */
  readonly origin: string;
  /** All addresses that it covers. */
  readonly covers: readonly string[];
  /** Hash of the value that it contains; null if the value was null. */
  readonly hash: string | null;
}

/** A partition as the broker describes it. */
interface PartitionEnds {
  readonly low: bigint;
  readonly high: bigint;
}

/** The contents of Kafka. */
export interface KafkaContents {
  readonly clusterId: string;
  /** By topic: 32 hexadecimal digits, from the broker's own folder. */
  readonly topicIds: ReadonlyMap<string, string>;
  /** By `topic/partition`. */
  readonly ends: ReadonlyMap<string, PartitionEnds>;
  readonly ids: readonly IdEntry[];
  readonly raw: readonly RawEntry[];
  readonly letters: readonly Letter[];
  /** Addresses that are or were in dead letters, including those whose letter is closed. */
  readonly parked: ReadonlySet<string>;
  readonly redriven: number;
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** Reads all our topics from the first record to the present end. */
export async function readTopics(kafkaDir: string, brokers: readonly string[]): Promise<KafkaContents> {
  // A batch that no reader can decode, the audit cannot decode either: it counts as present, without rows for BRONZE.
  boundDecoding();
  const kafka = plainClient(brokers);
  const ends = await endsOf(kafka);
  const found = { ids: [] as IdEntry[], raw: [] as RawEntry[], letters: [] as Letter[], redriven: 0 };
  const parked = new Set<string>();
  await readAll(kafka, ends, (topic, partition, message) => {
    const { value, headers, unusable } = message;
    if (headers?.['tmdb-origin'] !== undefined) found.redriven += 1;
    if (topic === 'tmdb.dead-letters') parked.add(String(message.key));
    const address = `${topic}/${partition}/${message.offset}`;
    if (unusable && topic !== 'tmdb.dead-letters') {
      for (const entry of unusableEntries(topic, partition, message, unusable)) {
        if (idTopics.includes(topic)) found.ids.push({ ...entry, id: null });
        else found.raw.push({ ...entry, topic: topic as RawTopic, contents: null, isSentBack: false, answer: null });
      }
    } else if (idTopics.includes(topic)) {
      // A tombstone requests nothing.
      if (value) found.ids.push({ address, hash: sha256(value), id: idOf(value) });
    } else if (topic === 'tmdb.dead-letters') {
      const letter = value && !unusable && letterOf(value);
      if (!letter) return;
      found.letters.push(letter);
      for (const covered of letter.covers) parked.add(covered);
    } else {
      found.raw.push(rawEntry(topic as RawTopic, partition, address, message));
    }
  });
  return { ...found, ...storedIds(kafkaDir), ends, parked };
}

/** By `topic/partition`. */
async function endsOf(kafka: Kafka): Promise<Map<string, PartitionEnds>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const there = new Set(await admin.listTopics());
    const ends = new Map<string, PartitionEnds>();
    for (const topic of allTopics.filter((name) => there.has(name))) {
      // For a moment after its start the broker leads no partition.
      const offsets = await vi.waitFor(() => admin.fetchTopicOffsets(topic), { timeout: 30_000, interval: 200 });
      for (const { partition, low, high } of offsets) {
        ends.set(`${topic}/${partition}`, { low: BigInt(low), high: BigInt(high) });
      }
    }
    return ends;
  } finally {
    await admin.disconnect();
  }
}

async function readAll(
  kafka: Kafka,
  ends: ReadonlyMap<string, PartitionEnds>,
  onRecord: (topic: string, partition: number, message: KafkaMessage & { readonly unusable?: Unusable }) => void,
): Promise<void> {
  const open = new Map([...ends].filter(([, { low, high }]) => low < high));
  if (open.size === 0) return;
  const topics = [...new Set([...open.keys()].map((key) => key.slice(0, key.lastIndexOf('/'))))];
  const consumer = kafka.consumer({ groupId: `audit-${Math.random()}`, maxWaitTimeInMs: 100 });
  const done = Promise.withResolvers<void>();
  // If it starts again, for example because its coordinator was not ready, it begins from scratch: no record is counted twice.
  const next = new Map<string, bigint>();
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) done.reject(payload.error);
  });
  // Also for batches without records: transaction markers, or what compaction has left of a segment.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, lastOffset } }) => {
    const end = open.get(`${topic}/${partition}`);
    if (end && BigInt(lastOffset) + 1n >= end.high) open.delete(`${topic}/${partition}`);
    if (open.size === 0) done.resolve();
  });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        const [key, offset] = [`${topic}/${partition}`, BigInt(message.offset)];
        // Records that are written during the audit are not part of it.
        if (offset < (next.get(key) ?? 0n) || offset >= (ends.get(key)?.high ?? 0n)) return;
        next.set(key, offset + 1n);
        onRecord(topic, partition, message);
      },
    });
    await done.promise;
  } finally {
    await consumer.disconnect();
  }
}

/** Whether the hash is that of a whole batch, not of a record. */
export const batchPrefix = 'batch:';

/** One entry for each offset of the message. */
function unusableEntries(topic: string, partition: number, { offset, value }: KafkaMessage, unusable: Unusable) {
  const { firstOffset, valueSha256 } = unusable;
  const prefix = unusable.reason === 'unreadable_batch' ? batchPrefix : '';
  const hash = prefix + (valueSha256?.toString('hex') ?? sha256(value ?? ''));
  return offsetsFrom(firstOffset, BigInt(offset)).map((at) => {
    return { partition, offset: at, address: `${topic}/${partition}/${at}`, hash };
  });
}

const offsetsFrom = (first: bigint, last: bigint): bigint[] =>
  Array.from({ length: Number(last - first) + 1 }, (_, index) => first + BigInt(index));

function rawEntry(topic: RawTopic, partition: number, address: string, message: KafkaMessage): RawEntry {
  const { value, offset, headers = {} } = message;
  const isSentBack = headers['tmdb-origin'] !== undefined;
  const entry = { topic, partition, offset: BigInt(offset), address, hash: sha256(value ?? ''), isSentBack };
  if (topic === 'tmdb.raw-genres') {
    const genres = value && decodeOrNull(rawGenresCodec, value);
    const contents = genres && contentsOf(genres.body, genres.language, genres.sourceUrl, genres.fetchedAt);
    return { ...entry, contents, answer: null };
  }
  const movie = value && decodeOrNull(rawMovieCodec, value);
  if (!movie) return { ...entry, contents: null, answer: null };
  const { movieId, httpStatus, sourceUrl, fetchedAt, body } = movie;
  const contents = contentsOf(body, `${movieId} ${httpStatus} ${requestOf(headers)}`, sourceUrl, fetchedAt);
  return { ...entry, contents, answer: { movieId, fetchedAtMs: fetchedAt.getTime() } };
}

/** When and why the movie was requested, and the trace of the request. A value that the record does not have is `-`. */
function requestOf(headers: IHeaders): string {
  const texts = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
  const { requestedAt, reason = '-', traceparent = '-' } = requestIn(Object.fromEntries(texts)) ?? {};
  return `${requestedAt?.getTime() ?? '-'} ${reason} ${traceparent}`;
}

/** One text for all values of a row of BRONZE that come from its record; `bronzeContents` is the same in SQL. */
const contentsOf = (body: Buffer, about: string, sourceUrl: string, fetchedAt: Date): string =>
  `${sha256(body)} ${about} ${sourceUrl} ${fetchedAt.getTime()}`;

export const bronzeContents: Readonly<Record<RawTopic, string>> = {
  'tmdb.raw-movies': `concat_ws(' ', sha256(raw_data::varchar), movie_id, http_status,
    coalesce(epoch_ms(requested_at)::varchar, '-'), coalesce(reason, '-'), coalesce(traceparent, '-'),
    source_url, epoch_ms(fetched_at))`,
  'tmdb.raw-genres': `concat_ws(' ', sha256(raw_data::varchar), language, source_url, epoch_ms(fetched_at))`,
};

function idOf(value: Buffer): IdEntry['id'] {
  const decoded = decodeOrNull(movieIdCodec, value);
  return decoded && { movieId: decoded.movieId, requestedAtMs: decoded.requestedAt.getTime() };
}

function letterOf(value: Buffer): Letter {
  const letter = deadLetterCodec.decode(value);
  const { originTopic, originPartition, originOffset, originValue, originValueSha256 } = letter;
  const place = `${originTopic}/${originPartition}`;
  const last = originOffset + BigInt(letter.originLastOffsetDelta ?? 0);
  const covers = offsetsFrom(originOffset, last).map((offset) => `${place}/${offset}`);
  const digest = originValueSha256?.toString('hex') ?? (originValue && sha256(originValue));
  const hash = digest && (letter.originLastOffsetDelta === null ? '' : batchPrefix) + digest;
  return { origin: `${place}/${originOffset}`, covers, hash };
}

/** The ids of cluster and topics from the broker's own files. */
function storedIds(kafkaDir: string): Pick<KafkaContents, 'clusterId' | 'topicIds'> {
  const log = join(kafkaDir, 'log');
  const storedValue = (file: string, key: RegExp) => key.exec(readFileSync(join(log, file), 'utf8'))?.[1] ?? '';
  const folders = readdirSync(log).filter((name) => /^tmdb\.[\w-]+-\d+$/.test(name));
  const topicIds = folders.map((folder) => {
    const id = storedValue(join(folder, 'partition.metadata'), /^topic_id: (\S+)/m);
    return [folder.replace(/-\d+$/, ''), Buffer.from(id, 'base64url').toString('hex')] as const;
  });
  return { clusterId: storedValue('meta.properties', /^cluster\.id=(\S+)/m), topicIds: new Map(topicIds) };
}
