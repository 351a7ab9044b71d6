import type { ConsumerRecord } from '../kafka/topic.ts';
import { type Codec, decodeOrNull } from '../schemas/codec.ts';
import { movieIdCodec, rawGenresCodec } from '../schemas/codecs.ts';
import { type Problem, problemOfGenres, problemOfId } from '../schemas/record-rules.ts';

/** Reads a whole topic in its present state. */
export type ReadTopic = (onRecord: (record: ConsumerRecord) => void) => Promise<void>;

/** When each movie was last requested, in milliseconds since the epoch. */
export type KnownMovies = ReadonlyMap<number, number>;

/** A producer's memory, and the records that it rejects. */
export interface Memory<K> {
  /** The newest moment of each key, in milliseconds since the epoch. */
  readonly known: ReadonlyMap<K, number>;
  /** Records with a wrong key or an impossible time. They count as unknown, so that their movies are fetched again. */
  readonly ignored: number;
}

/** The producer's memory is the compacted topic that it writes itself, with the newest entry of each movie. @param now ms since the epoch. */
export const readKnownMovies = (readMovieIds: ReadTopic, now: number): Promise<Memory<number>> =>
  newestOf(readMovieIds, movieIdCodec, {
    problemOf: (key, value) => problemOfId(key, value, now),
    entryOf: ({ movieId, requestedAt }) => [movieId, requestedAt],
  });

/** When each language's genres were last fetched. @param now milliseconds since the epoch. */
export const readKnownGenres = (readRawGenres: ReadTopic, now: number): Promise<Memory<string>> =>
  newestOf(readRawGenres, rawGenresCodec, {
    problemOf: (key, value) => problemOfGenres(key, value, now),
    entryOf: ({ language, fetchedAt }) => [language, fetchedAt],
  });

interface Reading<T, K> {
  readonly problemOf: (key: Buffer | null, value: T) => Problem | null;
  readonly entryOf: (value: T) => readonly [K, Date];
}

/** A record that cannot be decoded counts as unknown here; its consumer parks it. */
async function newestOf<T, K>(
  read: ReadTopic,
  codec: Codec<T>,
  { problemOf, entryOf }: Reading<T, K>,
): Promise<Memory<K>> {
  const known = new Map<K, number>();
  let ignored = 0;
  await read((record) => {
    const decoded = decodeOrNull(codec, record.value);
    if (!decoded) return;
    // mutant: producer.refused-record
    if (problemOf(record.key, decoded)) {
      ignored += 1;
      return;
    }
    const [key, at] = entryOf(decoded);
    known.set(key, Math.max(known.get(key) ?? 0, at.getTime()));
  });
  return { known, ignored };
}
