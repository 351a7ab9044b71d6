import { z } from 'zod';
import type { Sink } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { MovieId } from '../schemas/records.ts';
import { type ListedMovie, lastPage, type MoviePage } from '../tmdb/answers.ts';
import { TmdbError, UnusableAnswerError } from '../tmdb/errors.ts';
import type { TmdbClient } from '../tmdb/tmdb-client.ts';
import { idRecord } from './id-record.ts';
import type { KnownMovies } from './known-movies.ts';

/** This many unusable pages in a row end the walk: the list is out, and each page costs several requests. */
export const failedPagesInARow = 10;

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
  /** A movie requested less than this time (ms) ago is not requested again. */
  readonly refreshAfterMs: number;
}

/** What a walk found. */
export const popularWalkShape = z.object({
  pagesRead: count.describe('pages that were read'),
  pagesFailed: count.describe('requested pages that could not be used; the next walk finds their movies'),
  itemsSkipped: count.describe(
    'items on the read pages that name no movie: the id is missing or is not a positive 32-bit integer',
  ),
  found: count.describe('distinct ids on the pages that were read'),
  published: count.describe('those that were published; the others are fresh'),
});
export type PopularWalk = ValueOf<typeof popularWalkShape>;

/** No page of the list could be used, although TMDb answers. */
export class UnusableListError extends TmdbError {
  readonly code = 'tmdb_answer_unusable';
  readonly retriable = true;
  readonly walk: PopularWalk;

  constructor(walk: PopularWalk, cause: UnusableAnswerError) {
    super(`none of ${walk.pagesFailed} pages of the popular list could be used: ${messageOf(cause)}`);
    this.walk = walk;
  }
}

/**
 * Walks the popular list and publishes every id on it, once per walk, except those that are fresh. The list shifts
 * during the walk, so a movie may appear on two pages, or slip between two pages until the next walk.
 *
 * Bad items and unusable pages are skipped, counted and logged, with one line for each page. The
 * walk ends at the total that the newest page states. If no page has stated a plausible total, it ends
 * at the first empty page, or after the requested number of pages.
 * @throws UnusableListError if no page could be used, and the errors of TmdbClient about the endpoint as a whole.
 */
export async function producePopular(
  ports: PopularPorts,
  options: PopularOptions,
  signal: AbortSignal,
): Promise<PopularWalk> {
  const seen = new Set<number>();
  const walk = { pagesRead: 0, pagesFailed: 0, itemsSkipped: 0, found: 0, published: 0 };
  let totalPages: number | null = null;
  let failedInARow = 0;
  let hasEnded = false;
  for (let page = 1; page <= pagesToWalk(options, totalPages) && !hasEnded; page += 1) {
    try {
      const { parsed } = await ports.tmdb.popular(page, signal);
      // crash point: producer.page-read
      const listed = parsed.movies.filter(({ movieId }) => addIfNew(seen, movieId));
      walk.published += await publishStale(ports, options, page, listed);
      // crash point: producer.page-published
      walk.pagesRead += 1;
      walk.found = seen.size;
      walk.itemsSkipped += countSkipped(ports.log, page, parsed);
      // Totals change between pages: only the newest counts. With a total, an empty page does not end the walk.
      totalPages = parsed.totalPages ?? totalPages;
      hasEnded = totalPages === null && parsed.listed === 0;
      failedInARow = 0;
    } catch (error) {
      if (!(error instanceof UnusableAnswerError)) throw error;
      walk.pagesFailed += 1; // mutant: producer.failed-pages
      failedInARow += 1;
      hasEnded = failedInARow === failedPagesInARow;
      const isLast = hasEnded || page === pagesToWalk(options, totalPages);
      ports.log.warn({ page, error: error.message }, 'skipped a page of the popular list');
      if (isLast && walk.pagesRead === 0) throw new UnusableListError(walk, error);
      if (hasEnded) ports.log.error({ page, failedInARow }, 'ended the walk early: too many unusable pages in a row');
    }
    ports.onProgress?.({ ...walk, pagesTotal: pagesToWalk(options, totalPages) });
  }
  return walk;
}

const pagesToWalk = ({ pages }: PopularOptions, totalPages: number | null): number =>
  Math.min(pages, lastPage, totalPages ?? lastPage);

const addIfNew = (seen: Set<number>, movieId: number): boolean => !seen.has(movieId) && Boolean(seen.add(movieId));

function countSkipped(log: Logger, page: number, { movies, listed }: MoviePage): number {
  const skipped = listed - movies.length;
  if (skipped > 0) log.warn({ page, skipped, listed }, 'skipped items of the popular list that name no movie');
  return skipped;
}

async function publishStale(
  { movieIds, known, clock }: PopularPorts,
  { refreshAfterMs }: PopularOptions,
  page: number,
  listed: readonly ListedMovie[],
): Promise<number> {
  const now = clock.now();
  const isStale = (movieId: number) => now - (known.get(movieId) ?? Number.NEGATIVE_INFINITY) >= refreshAfterMs;
  const records = listed
    .filter(({ movieId }) => isStale(movieId))
    .map(({ movieId, rank }) => idRecord({ movieId, reason: 'popular', page, rank, requestedAt: new Date(now) }));
  if (records.length > 0) await movieIds.publish(records);
  return records.length;
}
