import type { ConsumerRecord } from '../lib/kafka/topic.ts';
import type { Codec } from '../schemas/codec.ts';
import type { MovieId, RawGenres } from '../schemas/records.ts';

/** Reads a whole topic as it is now. */
export type ReadTopic = (onRecord: (record: ConsumerRecord) => void) => Promise<void>;

/** When each movie was last asked for, in milliseconds since the epoch. */
export type KnownMovies = ReadonlyMap<number, number>;

/** The producer's memory is the compacted topic it writes itself: one entry a movie, the newest. */
export async function readKnownMovies(readMovieIds: ReadTopic, codec: Codec<MovieId>): Promise<KnownMovies> {
  const known = new Map<number, number>();
  await readMovieIds(({ value }) => {
    if (!value) return;
    const { movieId, requestedAt } = codec.decode(value);
    known.set(movieId, Math.max(known.get(movieId) ?? 0, requestedAt.getTime()));
  });
  return known;
}

/** When each language's genres were last fetched, in milliseconds since the epoch. */
export async function readKnownGenres(
  readRawGenres: ReadTopic,
  codec: Codec<RawGenres>,
): Promise<ReadonlyMap<string, number>> {
  const known = new Map<string, number>();
  await readRawGenres(({ value }) => {
    if (!value) return;
    const { language, fetchedAt } = codec.decode(value);
    known.set(language, Math.max(known.get(language) ?? 0, fetchedAt.getTime()));
  });
  return known;
}
