import { beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../lib/logger.ts';
import { CredentialsRefusedError, UnusableAnswerError } from '../../../lib/tmdb/errors.ts';
import { lastPage, producePopular } from '../../../producers/popular.ts';
import type { MovieId } from '../../../schemas/records.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemorySink } from '../../support/memory-sink.ts';

describe('the walk over the popular list', () => {
  let movieIds: MemorySink<MovieId>;
  let asked: number[];
  const clock = new ManualClock();
  const signal = new AbortController().signal;

  beforeEach(() => {
    movieIds = new MemorySink();
    asked = [];
  });

  type Page = { readonly ids: readonly number[]; readonly total: number } | Error;
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
            const parsed = { page: number, total_pages: listed.total, results: listed.ids.map((id) => ({ id })) };
            return { url: '', httpStatus: 200, fetchedAt: new Date(), body: Buffer.alloc(0), parsed };
          },
        },
      },
      { pages: options.pages ?? 500, refreshAfterMs: options.refreshAfterMs ?? 3_600_000 },
      signal,
    );
  const published = () => movieIds.values.map((value) => value.movieId);

  it('publishes an id once, though the shifting list shows it on two pages and twice on one', async () => {
    const pages = [[1, 2, 2], [2, 3, 1], [4]];
    expect(await walk((page) => ({ ids: pages[page - 1] ?? [], total: 3 }))).toEqual({
      pagesRead: 3,
      pagesFailed: 0,
      found: 4,
      published: 4,
    });
    expect(published()).toEqual([1, 2, 3, 4]);
  });

  it('says on which page and at which rank it saw the movie, and when', async () => {
    await walk(() => ({ ids: [7, 8], total: 1 }));
    const requestedAt = new Date(clock.now());
    expect(movieIds.values[1]).toEqual({ movieId: 8, reason: 'popular', page: 1, rank: 2, requestedAt });
    expect(movieIds.records[1]?.key).toBe('8');
  });

  it('walks on past an empty page in the middle', async () => {
    await walk((page) => ({ ids: page === 2 ? [] : [page], total: 3 }));
    expect(published()).toEqual([1, 3]);
  });

  it('ends where the list ends now, when its total shrinks under the walk', async () => {
    await walk((page) => ({ ids: [page], total: page >= 2 ? 3 : 9 }));
    expect(asked).toEqual([1, 2, 3]);
  });

  it('never asks for a page beyond 500', async () => {
    await walk((page) => ({ ids: [page], total: 54_000 }), { pages: 9_999 });
    expect(asked.at(-1)).toBe(lastPage);
  });

  it('asks for no more pages than it is told', async () => {
    await walk((page) => ({ ids: [page], total: 500 }), { pages: 2 });
    expect(asked).toEqual([1, 2]);
  });

  it('does not ask again for a movie that was asked for a moment ago', async () => {
    const hourAgo = clock.now() - 3_600_000;
    const known: [number, number][] = [
      [1, hourAgo],
      [2, hourAgo + 1],
    ];
    expect(await walk(() => ({ ids: [1, 2, 3], total: 1 }), { known })).toMatchObject({ found: 3, published: 2 });
    expect(published()).toEqual([1, 3]);
  });

  it('asks for every movie again when nothing counts as fresh', async () => {
    await walk(() => ({ ids: [1], total: 1 }), { known: [[1, clock.now()]], refreshAfterMs: 0 });
    expect(published()).toEqual([1]);
  });

  it('leaves out a page that cannot be had, and says so', async () => {
    const broken = new UnusableAnswerError('attempts_exhausted', 'TMDb answered 500', false);
    const report = await walk((page) => (page === 2 ? broken : { ids: [page], total: 3 }));
    expect(report).toMatchObject({ pagesRead: 2, pagesFailed: 1, published: 2 });
  });

  it('fails when the first page cannot be had: there is no list', async () => {
    const broken = new UnusableAnswerError('unexpected_shape', 'no results', false);
    await expect(walk(() => broken)).rejects.toBe(broken);
  });

  it('stops at refused credentials', async () => {
    const refused = new CredentialsRefusedError('401');
    await expect(walk((page) => (page === 2 ? refused : { ids: [page], total: 9 }))).rejects.toBe(refused);
    expect(asked).toEqual([1, 2]);
  });
});
