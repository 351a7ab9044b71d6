import { createGzip, gzipSync, zstdCompressSync } from 'node:zlib';
import { movieIdCodec, rawGenresCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import type { DeadLetterReason } from '../../../schemas/dead-letter-reasons.ts';
import { rawMovie } from './kafka-fixture.ts';
import { codecs, rawBatch, rawBatchOf, rawRecord } from './raw-batches.ts';
import { topics } from './topics.ts';

/** The topics that our services read, and whose records they park. */
export const readTopics = [topics.movieIds.name, topics.rawMovies.name, topics.rawGenres.name] as const;
export type ReadTopicName = (typeof readTopics)[number];

/**
 * Content of a topic that once stopped a consumer, or that affected other records. `faults/poisons.test.ts` writes every row of the
 * table below into a cluster and tests every promise for it. To add a kind, add a row.
 */
export interface Poison {
  /** Completes "a topic with ...". */
  readonly name: string;
  /** The topics in which it is possible. @default all of `readTopics` */
  readonly topics?: readonly ReadTopicName[];
  /** The batches to write into one partition. `movieId` is a movie that no other record is about. */
  readonly batches: (topic: ReadTopicName, movieId: number) => Promise<readonly Buffer[]> | readonly Buffer[];
  /** The expected result: this number of letters per topic, with this reason. */
  readonly letters: number;
  readonly reason: DeadLetterReason;
  /**
   * The command that repairs it. `redrive`: the record itself is intact, and counts once it is sent back. `purge`: the record is
   * useless, or too large for its letter.
   */
  readonly heal: 'redrive' | 'purge';
}

const key = Buffer.from('1');

/** A value that its topic's consumer can use. */
export function goodValue(topic: ReadTopicName, movieId: number): Buffer {
  if (topic === topics.rawMovies.name) return rawMovieCodec.encode(rawMovie(movieId));
  if (topic === topics.movieIds.name) {
    return movieIdCodec.encode({ movieId, reason: 'manual', page: null, rank: null, requestedAt: new Date() });
  }
  const sourceUrl = 'https://api.themoviedb.org/3/genre/movie/list';
  const body = Buffer.from('{"genres":[{"id":18,"name":"Drama"}]}');
  return rawGenresCodec.encode({ language: 'en', sourceUrl, fetchedAt: new Date(), body });
}

export const goodKey = (topic: string, movieId: number): Buffer =>
  Buffer.from(topic === topics.rawGenres.name ? 'en' : String(movieId));

const zeros = (bytes: number, offsetDelta = 0): Buffer => rawRecord({ key, value: Buffer.alloc(bytes), offsetDelta });

const gzipped = (body: Buffer, count = 1): Buffer => rawBatch({ body: gzipSync(body), count, codec: codecs.gzip });

const zstandard = (body: Buffer, count = 1): Buffer =>
  rawBatch({ body: zstdCompressSync(body), count, codec: codecs.zstd });

/** One record with this number of zeros, which are never in memory all at once. */
async function gzippedZeros(megabytes: number): Promise<Buffer> {
  const [head, end] = [zeros(0), 1_000_000 * megabytes];
  // The lengths of the record and of its value, as `rawRecord` would have written them.
  const fields = head.subarray(1, -2);
  const gzip = createGzip();
  const chunks: Buffer[] = [];
  const done = (async () => {
    for await (const chunk of gzip) chunks.push(chunk as Buffer);
  })();
  const zigzag = (value: number) => {
    const bytes: number[] = [];
    for (let left = value * 2; ; left = Math.floor(left / 128)) {
      if (left < 128) return Buffer.from([...bytes, left]);
      bytes.push((left % 128) | 128);
    }
  };
  const length = zigzag(end);
  gzip.write(Buffer.concat([zigzag(fields.length + length.length + end + 1), fields, length]));
  const megabyte = Buffer.alloc(1_000_000);
  for (let written = 0; written < megabytes; written += 1) {
    if (!gzip.write(megabyte)) await new Promise((resolve) => gzip.once('drain', resolve));
  }
  gzip.end(Buffer.from([0]));
  await done;
  return rawBatch({ body: Buffer.concat(chunks), count: 1, codec: codecs.gzip });
}

const headers = Array.from({ length: 100_000 }, (_, index) => [`h${index}`, ''] as const);

export const poisons: readonly Poison[] = [
  {
    name: 'a record with 100,000 headers',
    batches: (topic, movieId) => [
      rawBatchOf([{ key: goodKey(topic, movieId), value: goodValue(topic, movieId), headers }]),
    ],
    ...{ letters: 1, reason: 'record_limits_exceeded', heal: 'redrive' },
  },
  {
    name: 'a key of 200 KB',
    batches: (topic, movieId) => [rawBatchOf([{ key: Buffer.alloc(200_000, 'k'), value: goodValue(topic, movieId) }])],
    ...{ letters: 1, reason: 'record_limits_exceeded', heal: 'purge' },
  },
  {
    name: 'a gzip record of 20 MB of zeros',
    batches: () => [gzipped(zeros(20_000_000))],
    ...{ letters: 1, reason: 'record_limits_exceeded', heal: 'purge' },
  },
  {
    name: 'a gzip record of 600 MB of zeros',
    batches: async () => [await gzippedZeros(600)],
    ...{ letters: 1, reason: 'unreadable_batch', heal: 'purge' },
  },
  {
    name: 'a zstd batch of five records, 45 MB in total',
    batches: () => [zstandard(Buffer.concat([0, 1, 2, 3, 4].map((delta) => zeros(9_000_000, delta))), 5)],
    ...{ letters: 1, reason: 'unreadable_batch', heal: 'purge' },
  },
  {
    name: 'ten batches of 20 MB of zeros, one after the other',
    batches: () => Array.from({ length: 10 }, () => gzipped(zeros(20_000_000))),
    ...{ letters: 10, reason: 'record_limits_exceeded', heal: 'purge' },
  },
  {
    name: 'a batch with more records than the limit',
    batches: () => {
      const count = 100_001;
      const records = Array.from({ length: count }, (_, offsetDelta) => rawRecord({ key, offsetDelta }));
      return [gzipped(Buffer.concat(records), count)];
    },
    ...{ letters: 1, reason: 'unreadable_batch', heal: 'purge' },
  },
];
