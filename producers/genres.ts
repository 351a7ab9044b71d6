import type { Clock } from '../lib/clock.ts';
import type { Sink } from '../lib/kafka/topic.ts';
import type { TmdbClient } from '../lib/tmdb/client.ts';
import type { RawGenres } from '../schemas/records.ts';

export interface GenresPorts {
  readonly tmdb: Pick<TmdbClient, 'genres'>;
  readonly rawGenres: Sink<RawGenres>;
  /** Language → when its genres were last fetched, ms since the epoch. */
  readonly known: ReadonlyMap<string, number>;
  readonly clock: Clock;
}

/**
 * Publishes TMDb's genre list as it is, unless that was done less than `refreshAfterMs` ago.
 * @returns whether it was. @throws what TmdbClient throws.
 */
export async function produceGenres(
  { tmdb, rawGenres, known, clock }: GenresPorts,
  { language, refreshAfterMs }: { readonly language: string; readonly refreshAfterMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  const last = known.get(language) ?? Number.NEGATIVE_INFINITY;
  if (clock.now() - last < refreshAfterMs) return false;
  const { url, fetchedAt, body } = await tmdb.genres(language, signal);
  await rawGenres.publish([{ key: language, value: { language, sourceUrl: url, fetchedAt, body } }]);
  return true;
}
