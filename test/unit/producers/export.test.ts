import { beforeEach, describe, expect, it } from 'vitest';
import { batchLines, produceExport } from '../../../producers/export.ts';
import type { Progress } from '../../../producers/producer-state.ts';
import { MovieSet } from '../../../schemas/movie-set.ts';
import type { MovieId, ProducerState } from '../../../schemas/records.ts';
import { UnusableAnswerError } from '../../../tmdb/errors.ts';
import { readBatches } from '../../../tmdb/export-batches.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';

/** Two batches and a half. */
const count = 2.5 * batchLines;
const torn = new UnusableAnswerError('attempts_exhausted', 'the connection failed', true);

describe('the daily export', () => {
  let movieIds: MemorySink<MovieId>;
  let state: MemorySink<ProducerState>;
  let opened: string[];
  const clock = new ManualClock(Date.UTC(2026, 7, 31, 12));

  beforeEach(() => {
    movieIds = new MemorySink();
    state = new MemorySink();
    opened = [];
  });

  /** A file of `count` movies, which breaks after `breaksAfter` of them. */
  interface File {
    readonly count: number;
    readonly breaksAfter?: number;
  }
  async function* bytesOf({ count, breaksAfter = count }: File): AsyncGenerator<Buffer> {
    for (let id = 1; id <= breaksAfter; id += 1) yield Buffer.from(`{"id":${id}}\n`);
    if (breaksAfter < count) throw torn;
  }

  interface Options {
    /** Ids that were requested long ago, or the time of each. */
    readonly known?: readonly number[] | ReadonlyMap<number, number>;
    readonly progress?: Progress | null;
    readonly isAdult?: boolean;
    /** The day of the export that was read before this one, and its ids. */
    readonly previous?: readonly [day: string, ids: readonly number[]];
    readonly mostAbsent?: number;
    readonly signal?: AbortSignal;
  }
  const timesOf = (known: NonNullable<Options['known']>) =>
    known instanceof Map ? known : new Map(Array.from(known as readonly number[], (id) => [id, 1]));
  const read = (files: Readonly<Record<string, File>>, options: Options = {}) =>
    produceExport(
      {
        ...{ movieIds, state, clock, known: timesOf(options.known ?? []) },
        exports: {
          open: async (request) => {
            opened.push(request.day);
            const file = files[request.day];
            return file ? readBatches(bytesOf(file), request) : null;
          },
        },
      },
      {
        isAdult: options.isAdult ?? false,
        progress: options.progress ?? null,
        previous: options.previous ? { day: options.previous[0], movies: setOf(options.previous[1]) } : null,
        mostAbsent: options.mostAbsent ?? 100,
      },
      options.signal ?? new AbortController().signal,
    );
  const setOf = (ids: readonly number[]) => {
    const set = new MovieSet();
    for (const id of ids) set.add(id);
    return set;
  };
  const published = () => movieIds.values.map(({ movieId }) => movieId);
  /** The records of the progress. */
  const progresses = () => state.values.filter(({ movieIds }) => movieIds === null);
  const newest = () => progresses().at(-1);
  /** The recorded set of the ids of the file. */
  const recorded = () => {
    const [{ movieIds: encoded = null } = {}, ...others] = state.values.filter(({ movieIds }) => movieIds !== null);
    expect(others).toEqual([]);
    return encoded && [...MovieSet.decode(encoded)];
  };

  it('[P18] publishes every id once that was never requested, in batches', async () => {
    const walk = await read({ '2026-08-31': { count } }, { known: [1, count - 1] });
    expect(walk).toEqual({
      exportedAt: new Date('2026-08-31'),
      lines: count,
      linesSkipped: 0,
      published: count - 2,
      absent: 0,
    });
    expect(new Set(published()).size).toBe(count - 2);
    expect(movieIds.values[0]).toMatchObject({ movieId: 2, reason: 'export', page: null, rank: null });
    expect(progresses().map(({ lines, isComplete }) => [lines, isComplete])).toEqual([
      ...[
        [batchLines, false],
        [2 * batchLines, false],
        [count, false],
        [count, true],
      ],
    ]);
    expect(recorded()).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  it('[R130] of the day before is read as long as that of the day is not ready', async () => {
    expect(await read({ '2026-08-30': { count: 3 } })).toMatchObject({
      exportedAt: new Date('2026-08-30'),
      published: 3,
    });
    expect(opened).toEqual(['2026-08-31', '2026-08-30']);
    await expect(read({ '2026-08-29': { count: 3 } })).rejects.toMatchObject({ retriable: true });
  });

  it('[R130] continues in a file after the last batch that was published', async () => {
    await expect(read({ '2026-08-31': { count, breaksAfter: 2.25 * batchLines } })).rejects.toBe(torn);
    const progress = newest() ?? null;
    expect(recorded()).toBe(null);
    expect(progress).toMatchObject({ lines: 2 * batchLines, isComplete: false });
    const walk = await read({ '2026-08-31': { count } }, { progress });
    expect(walk).toMatchObject({ lines: batchLines / 2, published: batchLines / 2 });
    expect(new Set(published()).size).toBe(count);
    expect(published()).toHaveLength(count);
    // Also those of the lines that the first run has read.
    expect(recorded()).toHaveLength(count);
  });

  it('[R132] stops after a batch, and continues there', async () => {
    const stop = new AbortController();
    const reading = read({ '2026-08-31': { count } }, { signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(reading).rejects.toThrow('stopped');
    expect(newest()).toMatchObject({ lines: batchLines, isComplete: false });
  });

  it('is not read again when it was read to its end', async () => {
    const progress = { day: '2026-08-31', lines: 3, isComplete: true };
    expect(await read({ '2026-08-31': { count: 3 } }, { progress })).toMatchObject({ lines: 0, published: 0 });
    expect(opened).toEqual([]);
    expect(await read({ '2026-08-31': { count: 4 } }, { progress: { ...progress, day: '2026-08-30' } })).toMatchObject({
      lines: 4,
    });
  });

  it('[P18] asks again for the movies that only the export before had, once', async () => {
    const file = { '2026-08-31': { count: 3 } };
    // Movie 8 was requested today.
    const known = new Map([...[1, 2, 3, 7, 9].map((id) => [id, 1] as const), [8, clock.now()] as const]);
    const before = ['2026-08-30', [2, 3, 7, 8, 9]] as const;
    expect(await read(file, { known, previous: before })).toMatchObject({ published: 0, absent: 2 });
    expect(movieIds.values.map(({ movieId, reason }) => [movieId, reason])).toEqual([
      [7, 'export'],
      [9, 'export'],
    ]);
    expect(recorded()).toEqual([1, 2, 3]);
    expect(await read(file, { known, previous: ['2026-08-31', [7]] })).toMatchObject({ absent: 0 });
  });

  it('[R130] of which a part is missing costs a limited number of requests', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => index + 1);
    const options = { known: ids, previous: ['2026-08-30', ids], mostAbsent: 10 } as const;
    expect(await read({ '2026-08-31': { count: 3 } }, options)).toMatchObject({ published: 0, absent: 10 });
  });

  it('of adult movies has a progress of its own', async () => {
    await read({ '2026-08-31': { count: 1 } }, { isAdult: true });
    expect(newest()).toMatchObject({ producer: 'export-adult', isComplete: true });
  });
});
