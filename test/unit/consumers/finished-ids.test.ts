import { describe, expect, it } from 'vitest';
import { deadLetterOf } from '../../../consumers/dead-letter.ts';
import { FinishedIds, type FinishedIdsPorts } from '../../../consumers/finished-ids.ts';
import type { ConsumerRecord } from '../../../kafka/topic.ts';
import { deadLetterCodec, movieIdCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { consumerRecord } from '../../support/kafka/memory-record-source.ts';

const clock = new ManualClock();
const never = new AbortController().signal;
const at = (seconds: number) => new Date(clock.now() + seconds * 1_000);

const idRecord = (movieId: number, seconds: number, offset = 0) =>
  consumerRecord(
    offset,
    movieIdCodec.encode({ movieId, reason: 'manual', page: null, rank: null, requestedAt: at(seconds) }),
  );

const answer = (movieId: number, seconds: number, key = String(movieId)) => {
  const movie = { movieId, sourceUrl: 'https://api.themoviedb.org', httpStatus: 200, fetchedAt: at(seconds) };
  return consumerRecord(0, rawMovieCodec.encode({ ...movie, body: Buffer.from('{}') }), Buffer.from(key));
};

const letterOf = (record: ConsumerRecord) => {
  const failure = { reason: 'wrong_movie', message: 'no', attempts: 1 } as const;
  return consumerRecord(0, deadLetterCodec.encode(deadLetterOf(record, failure, at(0)).value));
};

const reading = (records: readonly ConsumerRecord[]) => async (onRecord: (record: ConsumerRecord) => void) =>
  records.forEach(onRecord);

const finishedIn = (answers: readonly ConsumerRecord[], letters: readonly ConsumerRecord[] = []) =>
  new FinishedIds({ readRawMovies: reading(answers), readDeadLetters: reading(letters), clock });

describe('[R175] an id whose commit is lost', () => {
  it.each<[string, ConsumerRecord, boolean]>([
    ['answered after it was requested', answer(7, 5), true],
    ['answered before it was requested', answer(7, -5), false],
    ['never answered', answer(8, 5), false],
    ['answered only by a record that the loader refuses', answer(7, 5, '8'), false],
    ['answered only in the future', answer(7, 7_200), false],
  ])('was %s', async (_, record, isFinished) => {
    expect(await finishedIn([record]).has(idRecord(7, 0), never)).toBe(isFinished);
  });

  it('is finished if it was parked, but not if an earlier record at its offset was', async () => {
    const parked = idRecord(7, 0, 3);
    const finished = finishedIn([], [letterOf(parked)]);
    expect(await finished.has(parked, never)).toBe(true);
    expect(await finished.has({ ...parked, timestamp: parked.timestamp + 1 }, never)).toBe(false);
    expect(await finished.has({ ...parked, offset: 4n }, never)).toBe(false);
  });

  it('is not finished if it is refused, so that it is parked', async () => {
    const finished = finishedIn([answer(7, 5)]);
    expect(await finished.has({ ...idRecord(7, 0), key: Buffer.from('8') }, never)).toBe(false);
    expect(await finished.has(consumerRecord(1, Buffer.from('not Avro'), Buffer.from('7')), never)).toBe(false);
  });
});

it('reads the topics once, and only if it is asked', async () => {
  let reads = 0;
  const countRead = async () => {
    reads += 1;
  };
  const ports: FinishedIdsPorts = { readRawMovies: countRead, readDeadLetters: countRead, clock };
  const finished = new FinishedIds(ports);
  expect(reads).toBe(0);
  await Promise.all([1, 2, 3].map((movieId) => finished.has(idRecord(movieId, 0), never)));
  expect(reads).toBe(2);
  expect(finished.isReading).toBe(false);
});

it('does not delay a drain while it reads', async () => {
  const stop = new AbortController();
  const endless = () => new Promise<void>(() => {});
  const finished = new FinishedIds({ readRawMovies: endless, readDeadLetters: endless, clock });
  const asking = finished.has(idRecord(1, 0), stop.signal);
  expect(finished.isReading).toBe(true);
  stop.abort(new Error('drained'));
  await expect(asking).rejects.toThrow('drained');
});
