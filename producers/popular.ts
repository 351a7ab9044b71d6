import type { Clock } from '../lib/clock.ts';
import type { Sink } from '../lib/kafka/topic.ts';
import type { Logger } from '../lib/logger.ts';
import type { TmdbClient } from '../lib/tmdb/client.ts';
import { UnusableAnswerError } from '../lib/tmdb/errors.ts';
import type { MovieId } from '../schemas/records.ts';
import type { KnownMovies } from './known-movies.ts';

/** TMDb refuses pages beyond this one. */
export const lastPage = 500;

export interface PopularPorts {
  readonly tmdb: Pick<TmdbClient, 'popular'>;
  readonly movieIds: Sink<MovieId>;
  readonly known: KnownMovies;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onProgress?: (walk: PopularWalk & { readonly pagesTotal: number }) => void;
}

export interface PopularOptions {
  /** Pages to walk, 1-500; fewer when the list is shorter. */
  readonly pages: number;
  /** A movie asked for less than this long ago (ms) is not asked for again. */
  readonly refreshAfterMs: number;
}

/** What a walk found. */
export interface PopularWalk {
  readonly pagesRead: number;
  /** Pages that could not be had; their movies come with the next walk. */
  readonly pagesFailed: number;
  /** Distinct ids on the pages read. */
  readonly found: number;
  /** Of those, asked for now; the others are fresh. */
  readonly published: number;
}

/**
 * Walks the popular list and publishes every id it sees, once a walk, save those that are fresh. The list shifts
 * while it is paged, so a movie may stand on two pages, and one may slip between them until the next walk.
 * @throws what TmdbClient throws when it is about TMDb as a whole, or about the first page.
 */
export async function producePopular(
  ports: PopularPorts,
  options: PopularOptions,
  signal: AbortSignal,
): Promise<PopularWalk> {
  const seen = new Set<number>();
  const walk = { pagesRead: 0, pagesFailed: 0, found: 0, published: 0 };
  let pagesTotal = Math.min(options.pages, lastPage);
  for (let page = 1; page <= pagesTotal; page += 1) {
    try {
      const { parsed } = await ports.tmdb.popular(page, signal);
      // crash point: producer.page-read
      // An empty page in the middle is no end, and totals move between pages: only the newest total counts.
      pagesTotal = Math.min(options.pages, lastPage, parsed.total_pages);
      const listed = parsed.results
        .map(({ id }, index) => ({ movieId: id, page, rank: index + 1 }))
        .filter(({ movieId }) => addIfNew(seen, movieId));
      walk.published += await publishStale(ports, options, listed);
      // crash point: producer.page-published
      walk.pagesRead += 1;
      walk.found = seen.size;
    } catch (error) {
      if (page === 1 || !(error instanceof UnusableAnswerError)) throw error;
      walk.pagesFailed += 1;
      ports.log.warn({ page, error: error.message }, 'left out a page of the popular list');
    }
    ports.onProgress?.({ ...walk, pagesTotal });
  }
  return walk;
}

const addIfNew = (seen: Set<number>, movieId: number): boolean => !seen.has(movieId) && Boolean(seen.add(movieId));

async function publishStale(
  { movieIds, known, clock }: PopularPorts,
  { refreshAfterMs }: PopularOptions,
  listed: readonly { movieId: number; page: number; rank: number }[],
): Promise<number> {
  const now = clock.now();
  const isStale = (movieId: number) => now - (known.get(movieId) ?? Number.NEGATIVE_INFINITY) >= refreshAfterMs;
  const records = listed
    .filter(({ movieId }) => isStale(movieId))
    .map((item) => ({
      key: String(item.movieId),
      value: { ...item, reason: 'popular' as const, requestedAt: new Date(now) },
    }));
  if (records.length > 0) await movieIds.publish(records);
  return records.length;
}
