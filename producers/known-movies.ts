import type { ConsumerRecord } from '../lib/kafka/topic.ts';
import { type Codec, DecodeError } from '../schemas/codec.ts';
import type { MovieId, RawGenres } from '../schemas/records.ts';

/** Reads a whole topic as it is now. */
export type ReadTopic = (onRecord: (record: ConsumerRecord) => void) => Promise<void>;

/** When each movie was last asked for, in milliseconds since the epoch. */
export type KnownMovies = ReadonlyMap<number, number>;

/** The producer's memory is the compacted topic it writes itself: one entry a movie, the newest. */
export const readKnownMovies = (readMovieIds: ReadTopic, codec: Codec<MovieId>): Promise<KnownMovies> =>
  newestOf(readMovieIds, codec, ({ movieId, requestedAt }) => [movieId, requestedAt]);

/** When each language's genres were last fetched, in milliseconds since the epoch. */
export const readKnownGenres = (
  readRawGenres: ReadTopic,
  codec: Codec<RawGenres>,
): Promise<ReadonlyMap<string, number>> =>
  newestOf(readRawGenres, codec, ({ language, fetchedAt }) => [language, fetchedAt]);

/** The newest moment of each key. What cannot be decoded is as good as unknown here; its consumer parks it. */
async function newestOf<T, K>(read: ReadTopic, codec: Codec<T>, entryOf: (value: T) => readonly [K, Date]) {
  const newest = new Map<K, number>();
  await read(({ value }) => {
    const decoded = value && decodedOrNull(codec, value);
    if (!decoded) return;
    const [key, at] = entryOf(decoded);
    newest.set(key, Math.max(newest.get(key) ?? 0, at.getTime()));
  });
  return newest;
}

function decodedOrNull<T>(codec: Codec<T>, bytes: Buffer): T | null {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}
