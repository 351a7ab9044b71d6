import { beforeEach, describe, expect, it } from 'vitest';
import { runFetcher } from '../../../consumers/fetcher.ts';
import { RecordTooLargeError } from '../../../kafka/errors.ts';
import type { ConsumerRecord } from '../../../kafka/topic.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { movieIdCodec } from '../../../schemas/codecs.ts';
import { requestIn } from '../../../schemas/movie-request.ts';
import type { DeadLetter, RawMovie } from '../../../schemas/records.ts';
import { CredentialsRefusedError, TmdbUnreachableError, UnusableAnswerError } from '../../../tmdb/errors.ts';
import { ManualClock, settle } from '../../support/clock/manual-clock.ts';
import { consumerRecord, MemoryRecordSource } from '../../support/kafka/memory-record-source.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';

describe('the fetcher', () => {
  let rawMovies: MemorySink<RawMovie>;
  let deadLetters: MemorySink<DeadLetter>;
  const clock = new ManualClock();
  const signal = new AbortController().signal;

  beforeEach(() => {
    rawMovies = new MemorySink();
    deadLetters = new MemorySink();
  });

  const asked = (movieId: number) =>
    movieIdCodec.encode({ movieId, reason: 'popular', page: 1, rank: 1, requestedAt: new Date(clock.now()) });

  const run = (values: readonly (Buffer | null)[], answer: (movieId: number) => number | Error) =>
    runRecords(
      values.map((value, offset) => consumerRecord(offset, value)),
      answer,
    );

  const runRecords = async (records: readonly ConsumerRecord[], answer: (movieId: number) => number | Error) => {
    const movieIds = new MemoryRecordSource(records);
    const outcomes: string[] = [];
    const ports = {
      movieIds,
      rawMovies,
      deadLetters,
      clock,
      log: createLogger('silent', []),
      onDone: (outcome: string) => void outcomes.push(outcome),
      tmdb: {
        movie: async (movieId: number) => {
          const httpStatus = answer(movieId);
          if (httpStatus instanceof Error) throw httpStatus;
          const url = `https://api.themoviedb.org/3/movie/${movieId}`;
          return { url, httpStatus, fetchedAt: new Date(clock.now()), body: Buffer.from('{}'), parsed: null };
        },
      },
    };
    const error = await runFetcher(ports, { signal }).then(
      () => null,
      (thrown) => thrown,
    );
    return { error, done: movieIds.done, outcomes };
  };

  it('publishes the answer under its movie id', async () => {
    const { outcomes } = await run([asked(603)], () => 200);
    expect(rawMovies.records).toMatchObject([{ key: '603', value: { movieId: 603, httpStatus: 200 } }]);
    expect(outcomes).toEqual(['fetched']);
  });

  it.each([
    ['keeps the trace of the id', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' }],
    ['begins a trace if the id has an invalid one', { traceparent: '00-1-2-01' }],
    ['begins a trace if the id has none', undefined],
  ])('[R180 R181] writes when and why the movie was requested beside the answer, and %s', async (_, headers) => {
    const record = { ...consumerRecord(0, asked(603)), ...(headers && { headers }) };
    await runRecords([record], () => 200);
    const written = requestIn(rawMovies.records[0]?.headers);
    expect(written).toMatchObject({ requestedAt: new Date(clock.now()), reason: 'popular' });
    expect(written?.traceparent).toEqual(requestIn(headers)?.traceparent ?? expect.stringMatching(/^00-/));
  });

  it('publishes that a movie is gone like any other answer', async () => {
    const { outcomes } = await run([asked(1)], () => 404);
    expect(rawMovies.values).toMatchObject([{ movieId: 1, httpStatus: 404 }]);
    expect(deadLetters.values).toEqual([]);
    expect(outcomes).toEqual(['gone']);
  });

  it('parks an id whose answer cannot be used, with its reason and its origin, and continues', async () => {
    const unusable = new UnusableAnswerError('wrong_movie', 'the answer is about movie 5', false, 3);
    const { done, outcomes } = await run([asked(1), asked(2)], (movieId) => (movieId === 1 ? unusable : 200));
    expect(deadLetters.records).toMatchObject([
      {
        key: 'tmdb.movie-ids/0/0',
        value: { reason: 'wrong_movie', attempts: 3, originOffset: 0n, originValue: asked(1), replays: 0 },
      },
    ]);
    expect(done).toEqual([0n, 1n]);
    expect(outcomes).toEqual(['parked', 'fetched']);
  });

  it.each([
    ['its answer', 200],
    ['its dead letter', new UnusableAnswerError('wrong_movie', 'the answer is about movie 5', false)],
  ])('finishes an id only after Kafka has %s', async (_, answer) => {
    const written = Promise.withResolvers<void>();
    rawMovies.publish = () => written.promise;
    deadLetters.publish = () => written.promise;
    let hasEnded = false;
    const running = run([asked(1)], () => answer).finally(() => {
      hasEnded = true;
    });
    await settle();
    expect(hasEnded).toBe(false);
    written.resolve();
    expect((await running).done).toEqual([0n]);
  });

  it('parks a movie whose answer is too large for its topic', async () => {
    rawMovies.publish = async () => {
      throw new RecordTooLargeError('a record of 9,000,000 bytes is too large');
    };
    const { done } = await run([asked(1)], () => 200);
    expect(deadLetters.values).toMatchObject([{ reason: 'body_too_large' }]);
    expect(done).toEqual([0n]);
  });

  it('parks a record that it cannot decode', async () => {
    await run([Buffer.from('not Avro')], () => 200);
    expect(deadLetters.values).toMatchObject([{ reason: 'undecodable_record', originValue: Buffer.from('not Avro') }]);
  });

  it.each<[string, Buffer | null, number, number, string]>([
    ['whose key is another movie', Buffer.from('2'), 1, 0, 'id_mismatch'],
    ['without a key', null, 1, 0, 'id_mismatch'],
    ['about movie -7', Buffer.from('-7'), -7, 0, 'id_mismatch'],
    ['about movie 0', Buffer.from('0'), 0, 0, 'id_mismatch'],
    ['that is 61 minutes ahead', Buffer.from('1'), 1, 61 * 60_000, 'time_in_future'],
    ['that is ten years ahead', Buffer.from('1'), 1, 3_652 * 86_400_000, 'time_in_future'],
  ])('[R78] parks a record %s, and sends no request to TMDb', async (_, key, movieId, ahead, reason) => {
    const requestedAt = new Date(clock.now() + ahead);
    const value = movieIdCodec.encode({ movieId, reason: 'manual', page: null, rank: null, requestedAt });
    const { done, outcomes } = await runRecords([consumerRecord(0, value, key), consumerRecord(1, asked(5))], (id) =>
      id === 5 ? 200 : new Error('TMDb received a request'),
    );
    expect(deadLetters.values).toMatchObject([{ reason, originKey: key, originValue: value }]);
    expect(outcomes).toEqual(['parked', 'fetched']);
    expect(done).toEqual([0n, 1n]);
  });

  it('parks an unusable record, whatever it still contains', async () => {
    const unusable = {
      reason: 'unreadable_batch',
      message: 'no',
      valueBytes: 9,
      valueSha256: null,
      lastOffset: 4n,
    } as const;
    const records = [null, asked(603)].map((value) => ({ ...consumerRecord(2, value), unusable }));
    const { outcomes } = await runRecords(records, () => 200);
    expect(outcomes).toEqual(['parked', 'parked']);
    const letter = { reason: 'unreadable_batch', originOffset: 2n, originLastOffsetDelta: 2 };
    expect(deadLetters.values).toMatchObject([letter, letter]);
    expect(rawMovies.records).toEqual([]);
  });

  it('skips a tombstone: there is nothing to fetch', async () => {
    const { outcomes } = await run([null], () => 200);
    expect(outcomes).toEqual(['skipped']);
    expect([...rawMovies.records, ...deadLetters.records]).toEqual([]);
  });

  it.each([new CredentialsRefusedError('401'), new TmdbUnreachableError('down'), new Error('a bug')])(
    'ends with $name, and the id is still in the topic',
    async (failure) => {
      const { error, done } = await run([asked(1), asked(2)], () => failure);
      expect(error).toBe(failure);
      expect(done).toEqual([]);
      expect(deadLetters.values).toEqual([]);
    },
  );
});
