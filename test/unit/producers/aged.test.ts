import { expect, it } from 'vitest';
import { produceAged } from '../../../producers/aged.ts';
import { MovieTimes } from '../../../schemas/movie-times.ts';
import type { MovieId } from '../../../schemas/records.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';

const day = 86_400_000;
const reaskAfterMs = 150 * day;
const { signal } = new AbortController();

it('[P20] requests every known movie again before it is too old, the oldest first, and spreads movies of one time over months', async () => {
  const clock = new ManualClock();
  const known = new MovieTimes();
  const movies = 3_000;
  for (let movieId = 1; movieId <= movies; movieId += 1) known.add(movieId, clock.now());
  const perDay: number[] = [];
  const oldest: number[] = [];
  for (let days = 0; days < 400; days += 1) {
    const movieIds = new MemorySink<MovieId>();
    oldest.push(Math.max(...[...known].map(([, requestedAt]) => clock.now() - requestedAt)));
    perDay.push(await produceAged({ movieIds, known, clock }, { reaskAfterMs, most: 50_000 }, signal));
    for (const { movieId, requestedAt } of movieIds.values) known.add(movieId, requestedAt.getTime());
    await clock.advance(day);
  }
  expect(perDay.slice(0, 75).every((published) => published === 0)).toBe(true);
  expect(perDay.slice(75, 151).reduce((sum, published) => sum + published, 0)).toBeGreaterThanOrEqual(movies);
  expect(Math.max(...perDay)).toBeLessThan((3 * movies) / 75);
  // A day passes between two calls.
  expect(Math.max(...oldest)).toBeLessThanOrEqual(reaskAfterMs + day);
});

it('publishes at most the given number, those that wait longest, with their reason', async () => {
  const clock = new ManualClock();
  const known = new MovieTimes();
  for (const [movieId, age] of [
    [1, 151],
    [2, 300],
    [3, 200],
    [4, 10],
  ] as const)
    known.add(movieId, clock.now() - age * day);
  const movieIds = new MemorySink<MovieId>();
  expect(await produceAged({ movieIds, known, clock }, { reaskAfterMs, most: 2 }, signal)).toBe(2);
  expect(movieIds.values.map(({ movieId }) => movieId)).toEqual([2, 3]);
  expect(movieIds.values[0]).toMatchObject({ reason: 'aged', page: null, requestedAt: new Date(clock.now()) });
});

it('stops when it is asked to', async () => {
  const clock = new ManualClock();
  const known = new MovieTimes();
  known.add(1, 0);
  const movieIds = new MemorySink<MovieId>();
  const stopped = produceAged(
    { movieIds, known, clock },
    { reaskAfterMs, most: 2 },
    AbortSignal.abort(new Error('drained')),
  );
  await expect(stopped).rejects.toThrow('drained');
  expect(movieIds.records).toEqual([]);
});
