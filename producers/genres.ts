import { z } from 'zod';
import type { Sink } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { RawGenres } from '../schemas/records.ts';
import type { TmdbClient } from '../tmdb/tmdb-client.ts';

export interface GenresPorts {
  readonly tmdb: Pick<TmdbClient, 'genres'>;
  readonly rawGenres: Sink<RawGenres>;
  /** Language → when its genres were last fetched, ms since the epoch. */
  readonly known: ReadonlyMap<string, number>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The result of checking the genre list. */
export const genresLookShape = z.object({
  published: z.boolean().describe('whether the list was published; it is not while it is fresh'),
  rowsUnusable: count.describe('rows of the published list without an id or a name; SILVER ignores them'),
});
export type GenresLook = ValueOf<typeof genresLookShape>;

/**
 * Publishes TMDb's genre list unchanged, bad rows included, unless it was published less than `refreshAfterMs` ago.
 * @throws the errors of TmdbClient.
 */
export async function produceGenres(
  { tmdb, rawGenres, known, clock, log }: GenresPorts,
  { language, refreshAfterMs }: { readonly language: string; readonly refreshAfterMs: number },
  signal: AbortSignal,
): Promise<GenresLook> {
  const last = known.get(language) ?? Number.NEGATIVE_INFINITY;
  if (clock.now() - last < refreshAfterMs) return { published: false, rowsUnusable: 0 };
  const { url, fetchedAt, body, parsed } = await tmdb.genres(language, signal);
  await rawGenres.publish([{ key: language, value: { language, sourceUrl: url, fetchedAt, body } }]);
  const { listed, unusable } = parsed;
  if (unusable > 0) log.warn({ language, unusable, listed }, 'published a genre list with rows that name no genre');
  return { published: true, rowsUnusable: unusable };
}
