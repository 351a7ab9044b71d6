import { readdirSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { daysDue, produceChanges } from '../../../producers/changes.ts';
import { readProgress } from '../../../producers/producer-state.ts';
import { dayMs, startOfDay, utcDay } from '../../../runtime/days.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { producerStateCodec } from '../../../schemas/codecs.ts';
import type { MovieId, ProducerState } from '../../../schemas/records.ts';
import { readMoviePage } from '../../../tmdb/answers.ts';
import { UnusableAnswerError } from '../../../tmdb/errors.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { consumerRecord } from '../../support/kafka/memory-record-source.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';
import { announceSkipped, hasRecordings, recordings } from '../../support/tmdb/recordings.ts';

const hour = 3_600_000;
const noon = Date.UTC(2026, 5, 13, 12);

describe('the walk over the lists of changes', () => {
  let movieIds: MemorySink<MovieId>;
  let state: MemorySink<ProducerState>;
  let asked: string[];
  const clock = new ManualClock(noon);

  beforeEach(() => {
    movieIds = new MemorySink();
    state = new MemorySink();
    asked = [];
  });

  /** The body of a page, as TMDb sent it. */
  interface RecordedPage {
    readonly results: readonly { readonly id: number; readonly adult: boolean | null }[];
  }
  /** `YYYY-MM-DD` → the results of its pages, their bodies, or the error of a page. */
  type Days = Readonly<Record<string, readonly (readonly unknown[] | RecordedPage | Error)[]>>;
  interface Options {
    readonly known?: readonly (readonly [number, number])[];
    readonly withAdult?: boolean;
  }
  const walk = (days: Days, { known = [], withAdult = false }: Options = {}) =>
    produceChanges(
      {
        ...{ movieIds, state, clock, log: createLogger('silent', []), known: new Map(known) },
        tmdb: {
          changes: async (day, page) => {
            asked.push(`${day} ${page}`);
            const results = days[day]?.[page - 1] ?? [];
            if (results instanceof Error) throw results;
            const isBody = 'results' in results;
            const parsed = readMoviePage(isBody ? results : { results, page, total_pages: 1, total_results: 1 }, page);
            if (!parsed) throw new Error('the test has no list');
            return { url: '', httpStatus: 200, fetchedAt: new Date(), body: Buffer.alloc(0), parsed };
          },
        },
      },
      { days: Object.keys(days), withAdult },
      new AbortController().signal,
    );
  const published = () => movieIds.values.map(({ movieId }) => movieId);
  const rows = (...ids: number[]) => ids.map((id) => ({ id, adult: false }));

  it('[P17] reads each day until a page is empty, whatever the totals say, and records it when its ids are published', async () => {
    const days = { '2026-06-11': [rows(3, 1), rows(2)], '2026-06-12': [] };
    expect(await walk(days)).toEqual({
      ...{
        days: 2,
        lastDayEndedAt: new Date(startOfDay('2026-06-13')),
        pagesRead: 4,
        itemsSkipped: 0,
        found: 3,
        published: 3,
      },
    });
    expect(asked).toEqual(['2026-06-11 1', '2026-06-11 2', '2026-06-11 3', '2026-06-12 1']);
    expect(published()).toEqual([3, 1, 2]);
    expect(movieIds.values[2]).toEqual({
      ...{ movieId: 2, reason: 'changed', page: 2, rank: null, requestedAt: new Date(clock.now()) },
    });
    const recorded = { producer: 'changes', lines: 0, isComplete: true };
    expect(state.values).toMatchObject([
      { ...recorded, day: '2026-06-11' },
      { ...recorded, day: '2026-06-12' },
    ]);
  });

  it('[R131] does not record a day with a page that fails, and continues with that day', async () => {
    const broken = new UnusableAnswerError('attempts_exhausted', 'TMDb answered 500', false);
    const days = { '2026-06-10': [rows(1)], '2026-06-11': [rows(2), broken], '2026-06-12': [rows(3)] };
    await expect(walk(days)).rejects.toBe(broken);
    expect(state.values.map(({ day }) => day)).toEqual(['2026-06-10']);
    expect(published()).toEqual([1, 2]);
    // The next walk knows what this one has published, and requests none of it again.
    const known = movieIds.values.map(({ movieId, requestedAt }) => [movieId, requestedAt.getTime()] as const);
    expect(await walk({ '2026-06-11': [rows(2), rows(4)], '2026-06-12': [rows(3)] }, { known })).toMatchObject({
      ...{ lastDayEndedAt: new Date(startOfDay('2026-06-13')), found: 3, published: 2 },
    });
    expect(published()).toEqual([1, 2, 4, 3]);
  });

  it('publishes a movie once that changed on several days of an absence', async () => {
    await walk({ '2026-06-10': [rows(1, 2)], '2026-06-11': [rows(2, 2, 3)], '2026-06-12': [rows(1)] });
    expect(published()).toEqual([1, 2, 3]);
  });

  it('skips movies that were requested after the end of the day, and no others', async () => {
    const end = startOfDay('2026-06-13');
    const known = [
      [1, end - 1],
      [2, end],
      [3, end + hour],
    ] as const;
    expect(await walk({ '2026-06-12': [rows(1, 2, 3, 4)] }, { known })).toMatchObject({ found: 4, published: 2 });
    expect(published()).toEqual([1, 4]);
  });

  it('[R131] skips items without a movie, and adult movies unless they are wanted; an unknown flag is not adult', async () => {
    const results = [{ id: null, adult: null }, null, { adult: false }, { id: 1, adult: null }, { id: 2, adult: true }];
    expect(await walk({ '2026-06-12': [results] })).toMatchObject({ itemsSkipped: 4, published: 1 });
    expect(published()).toEqual([1]);
    expect(await walk({ '2026-06-12': [results] }, { withAdult: true })).toMatchObject({ itemsSkipped: 3 });
    expect(published()).toEqual([1, 1, 2]);
  });

  if (!hasRecordings) announceSkipped('recorded lists of changes');
  it.runIf(hasRecordings)(
    '[R131] reads every recorded page of TMDb, whatever totals it states, empty ones too',
    async () => {
      const folder = `${recordings}changes/`;
      const bodies = readdirSync(folder)
        .filter((name) => name.startsWith('movie_changes_'))
        .map((name): RecordedPage => JSON.parse(readFileSync(folder + name, 'utf8')));
      expect(bodies.length).toBeGreaterThan(10);
      const rowsOf = (pages: readonly RecordedPage[]) => pages.flatMap(({ results }) => results);
      const adult = rowsOf(bodies).filter((row) => row.adult === true);
      const others = new Set(rowsOf(bodies).flatMap((row) => (row.adult === true ? [] : [row.id])));
      const dayOf = (index: number) => utcDay(startOfDay('2026-01-01') + index * dayMs);
      const days = Object.fromEntries(bodies.map((body, index) => [dayOf(index), [body]]));
      const empty = bodies.filter(({ results }) => results.length === 0);
      expect(empty.length).toBeGreaterThan(0);
      expect(await walk(days)).toMatchObject({
        ...{ days: bodies.length, pagesRead: 2 * bodies.length - empty.length, itemsSkipped: adult.length },
        ...{ found: others.size, published: others.size },
      });
      expect(new Set(published())).toEqual(others);
      // All pages as one day, whose last page fails: it has no end, but its movies are published.
      const failed = new UnusableAnswerError('attempts_exhausted', 'TMDb answered 500', false);
      const before = state.values.length;
      await expect(walk({ '2026-06-12': [...bodies.filter((body) => !empty.includes(body)), failed] })).rejects.toBe(
        failed,
      );
      expect(state.values).toHaveLength(before);
      expect(published()).toHaveLength(2 * others.size);
    },
  );
});

describe('the days of changes that are due', () => {
  it('are all complete days since the last one, an hour after their end, however long ago', () => {
    const midnight = startOfDay('2026-06-13');
    expect(daysDue('2026-06-10', midnight + hour - 1)).toEqual(['2026-06-11']);
    expect(daysDue('2026-06-10', midnight + hour)).toEqual(['2026-06-11', '2026-06-12']);
    expect(daysDue('2026-06-12', noon)).toEqual([]);
    expect(daysDue('2026-12-31', noon)).toEqual([]);
    expect(daysDue('2026-03-01', noon)).toHaveLength(103);
  });

  it('are the last complete day at the first start', () => {
    expect(daysDue(null, noon)).toEqual(['2026-06-12']);
  });
});

describe('the recorded progress of a producer', () => {
  const stateOf = (day: string, more: Partial<ProducerState> = {}): ProducerState => ({
    ...{ producer: 'export', day, lines: 0, isComplete: false, updatedAt: new Date(noon), movieIds: null },
    ...more,
  });
  const read = (records: readonly (readonly [key: string, value: Buffer | null])[]) =>
    readProgress(
      async (onRecord) => {
        for (const [offset, [key, value]] of records.entries())
          onRecord(consumerRecord(offset, value, Buffer.from(key)));
      },
      'export',
      noon,
    );
  const of = (...states: ProducerState[]) =>
    states.map((state) => [state.producer, producerStateCodec.encode(state)] as const);

  it('is the furthest, in any order of the records', async () => {
    const furthest = stateOf('2026-06-12', { lines: 9, isComplete: true });
    const states = [stateOf('2026-06-11', { lines: 99 }), furthest, stateOf('2026-06-12', { lines: 10 })];
    const progress = { day: '2026-06-12', lines: 9, isComplete: true };
    expect(await read(of(...states))).toEqual(progress);
    expect(await read(of(...states.toReversed()))).toEqual(progress);
  });

  it('[R131] is not that of another producer, of the future, of an invalid day, or unreadable', async () => {
    const wrong = [
      stateOf('2026-06-12', { producer: 'changes' }),
      stateOf('2026-06-14'),
      stateOf('2026-06-12', { updatedAt: new Date(noon + 1) }),
      stateOf('tomorrow'),
      stateOf('2026-06-12', { lines: -1 }),
    ];
    const odd = [
      ['export', null],
      ['export', Buffer.from('nonsense')],
      ['changes', producerStateCodec.encode(stateOf('2026-06-12'))],
    ] as const;
    expect(await read([...of(...wrong), ...odd])).toBe(null);
  });
});
