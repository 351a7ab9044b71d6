import { beforeEach, describe, expect, it } from 'vitest';
import { failedPagesInARow, producePopular, UnusableListError } from '../../../producers/popular.ts';
import { createLogger } from '../../../runtime/logger.ts';
import type { MovieId } from '../../../schemas/records.ts';
import { lastPage, readMoviePage } from '../../../tmdb/answers.ts';
import { CredentialsRefusedError, UnusableAnswerError } from '../../../tmdb/errors.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';

describe('the walk over the popular list', () => {
  let movieIds: MemorySink<MovieId>;
  let asked: number[];
  const clock = new ManualClock();
  const signal = new AbortController().signal;

  beforeEach(() => {
    movieIds = new MemorySink();
    asked = [];
  });

  type Page = { readonly ids: readonly unknown[]; readonly total: unknown } | Error;
  const walk = (
    page: (page: number) => Page,
    options: { pages?: number; refreshAfterMs?: number; known?: [number, number][] } = {},
  ) =>
    producePopular(
      {
        movieIds,
        clock,
        log: createLogger('silent', []),
        known: new Map(options.known),
        tmdb: {
          popular: async (number) => {
            asked.push(number);
            const listed = page(number);
            if (listed instanceof Error) throw listed;
            const body = { page: number, total_pages: listed.total, results: listed.ids.map((id) => ({ id })) };
            const parsed = readMoviePage(body, number);
            if (!parsed) throw new Error('the test has no list');
            return { url: '', httpStatus: 200, fetchedAt: new Date(), body: Buffer.alloc(0), parsed };
          },
        },
      },
      { pages: options.pages ?? 500, refreshAfterMs: options.refreshAfterMs ?? 3_600_000 },
      signal,
    );
  const published = () => movieIds.values.map((value) => value.movieId);

  it('publishes an id once, although the shifting list shows it on two pages and twice on one', async () => {
    const pages = [[1, 2, 2], [2, 3, 1], [4]];
    expect(await walk((page) => ({ ids: pages[page - 1] ?? [], total: 3 }))).toEqual({
      pagesRead: 3,
      pagesFailed: 0,
      itemsSkipped: 0,
      found: 4,
      published: 4,
    });
    expect(published()).toEqual([1, 2, 3, 4]);
  });

  it('records the page, the rank and the time at which it saw the movie', async () => {
    await walk(() => ({ ids: [7, 8], total: 1 }));
    const requestedAt = new Date(clock.now());
    expect(movieIds.values[1]).toEqual({ movieId: 8, reason: 'popular', page: 1, rank: 2, requestedAt });
    expect(movieIds.records[1]?.key).toBe('8');
  });

  it('continues after an empty page in the middle', async () => {
    await walk((page) => ({ ids: page === 2 ? [] : [page], total: 3 }));
    expect(published()).toEqual([1, 3]);
  });

  it('ends at the new end of a list that shrinks during the walk', async () => {
    await walk((page) => ({ ids: [page], total: page >= 2 ? 3 : 9 }));
    expect(asked).toEqual([1, 2, 3]);
  });

  it('never requests a page beyond 500', async () => {
    await walk((page) => ({ ids: [page], total: 54_000 }), { pages: 9_999 });
    expect(asked.at(-1)).toBe(lastPage);
  });

  it('requests no more pages than configured', async () => {
    await walk((page) => ({ ids: [page], total: 500 }), { pages: 2 });
    expect(asked).toEqual([1, 2]);
  });

  it('does not request a movie again that was just requested', async () => {
    const hourAgo = clock.now() - 3_600_000;
    const known: [number, number][] = [
      [1, hourAgo],
      [2, hourAgo + 1],
    ];
    expect(await walk(() => ({ ids: [1, 2, 3], total: 1 }), { known })).toMatchObject({ found: 3, published: 2 });
    expect(published()).toEqual([1, 3]);
  });

  it('requests every movie again if none counts as fresh', async () => {
    await walk(() => ({ ids: [1], total: 1 }), { known: [[1, clock.now()]], refreshAfterMs: 0 });
    expect(published()).toEqual([1]);
  });

  it('skips a page that cannot be fetched, and reports it', async () => {
    const failed = new UnusableAnswerError('attempts_exhausted', 'TMDb answered 500', false);
    const report = await walk((page) => (page === 2 ? failed : { ids: [page], total: 3 }));
    expect(report).toMatchObject({ pagesRead: 2, pagesFailed: 1, published: 2 });
  });

  const broken = new UnusableAnswerError('unexpected_shape', 'no results', false);

  it('[R66] skips a bad first page like any other', async () => {
    const report = await walk((page) => (page === 1 ? broken : { ids: [page], total: 3 }));
    expect(report).toMatchObject({ pagesRead: 2, pagesFailed: 1, published: 2 });
    expect(published()).toEqual([2, 3]);
  });

  it('fails if no page can be used, and reports how many it requested', async () => {
    const failure = await walk(() => broken, { pages: 3 }).catch((error) => error);
    expect(failure).toBeInstanceOf(UnusableListError);
    expect(failure).toMatchObject({ retriable: true, walk: { pagesRead: 0, pagesFailed: 3, published: 0 } });
    expect(failure.message).toContain('no results');
  });

  it('[R66] stops reading a list that is out, from the start or from the middle', async () => {
    await expect(walk(() => broken)).rejects.toMatchObject({ walk: { pagesFailed: failedPagesInARow } });
    expect(asked).toHaveLength(failedPagesInARow);
    asked = [];
    const report = await walk((page) => (page > 100 ? broken : { ids: [page], total: 500 }));
    expect(report).toMatchObject({ pagesRead: 100, pagesFailed: failedPagesInARow });
    expect(asked).toHaveLength(100 + failedPagesInARow);
  });

  it('[R65] skips items without a movie, counts them, and keeps the rank of the others', async () => {
    const bad = [null, undefined, '7', '', 0, -7, 1.5, 2 ** 31, 1e300, true, [8], { id: 8 }];
    const report = await walk(() => ({ ids: [1, ...bad, 2], total: 1 }));
    expect(report).toMatchObject({ pagesRead: 1, itemsSkipped: bad.length, found: 2, published: 2 });
    expect(movieIds.values).toMatchObject([
      { movieId: 1, rank: 1 },
      { movieId: 2, rank: bad.length + 2 },
    ]);
  });

  it('counts a page with only bad items as read', async () => {
    expect(await walk(() => ({ ids: [null, 'x'], total: 1 }))).toMatchObject({
      pagesRead: 1,
      itemsSkipped: 2,
      found: 0,
    });
  });

  describe.each([undefined, null, '9', 'many', -1, 1.5, true, [], {}, Number.NaN])('a total of %j', (total) => {
    it('[R65] from the first page on: the walk ends with the first empty page', async () => {
      await walk((page) => ({ ids: page === 4 ? [] : [page], total }));
      expect(asked).toEqual([1, 2, 3, 4]);
      expect(published()).toEqual([1, 2, 3]);
    });

    it('from the first page on: the walk ends after the requested pages', async () => {
      await walk((page) => ({ ids: [page], total }), { pages: 3 });
      expect(asked).toEqual([1, 2, 3]);
    });

    it('on a later page: the total before it holds', async () => {
      await walk((page) => ({ ids: page === 3 ? [] : [page], total: page === 1 ? 5 : total }));
      expect(published()).toEqual([1, 2, 4, 5]);
    });
  });

  it('ignores a total that is smaller than the number of a page with movies', async () => {
    await walk((page) => ({ ids: page > 3 ? [] : [page], total: page === 1 ? 0 : page - 1 }));
    expect(published()).toEqual([1, 2, 3]);
  });

  it('stops at refused credentials', async () => {
    const refused = new CredentialsRefusedError('401');
    await expect(walk((page) => (page === 2 ? refused : { ids: [page], total: 9 }))).rejects.toBe(refused);
    expect(asked).toEqual([1, 2]);
  });
});
