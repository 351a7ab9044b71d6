import type { ReadTopic } from '../kafka/topic.ts';
import { type Codec, decodeOrNull } from '../schemas/codec.ts';
import { movieIdCodec, rawGenresCodec } from '../schemas/codecs.ts';
import { MovieTimes } from '../schemas/movie-times.ts';
import { type Problem, problemOfGenres, problemOfId } from '../schemas/record-rules.ts';

/** When each movie was last requested, in milliseconds since the epoch. */
export interface KnownMovies extends Iterable<readonly [movieId: number, requestedAt: number]> {
  readonly size: number;
  get(movieId: number): number | undefined;
}

/** A producer's memory, and the records that it rejects. */
export interface Memory<Known> {
  /** The newest moment of each key, in milliseconds since the epoch. */
  readonly known: Known;
  /** Records with a wrong key or an impossible time. They count as unknown, so that their movies are fetched again. */
  readonly ignored: number;
}

/**
 * The producers' memory is the compacted topics that they write themselves, with the newest entry of each movie.
 * @param readMovieIds reads all topics of ids. @param now ms since the epoch.
 */
export async function readKnownMovies(readMovieIds: ReadTopic, now: number): Promise<Memory<MovieTimes>> {
  const known = new MovieTimes();
  const ignored = await readAccepted(readMovieIds, movieIdCodec, {
    problemOf: (key, value) => problemOfId(key, value, now),
    onAccepted: ({ movieId, requestedAt }) => known.add(movieId, requestedAt.getTime()),
  });
  return { known, ignored };
}

/** When each language's genres were last fetched. @param now milliseconds since the epoch. */
export async function readKnownGenres(
  readRawGenres: ReadTopic,
  now: number,
): Promise<Memory<ReadonlyMap<string, number>>> {
  const known = new Map<string, number>();
  const ignored = await readAccepted(readRawGenres, rawGenresCodec, {
    problemOf: (key, value) => problemOfGenres(key, value, now),
    onAccepted: ({ language, fetchedAt }) =>
      known.set(language, Math.max(known.get(language) ?? 0, fetchedAt.getTime())),
  });
  return { known, ignored };
}

interface Reading<T> {
  readonly problemOf: (key: Buffer | null, value: T) => Problem | null;
  readonly onAccepted: (value: T) => void;
}

/** A record that cannot be decoded counts as unknown here; its consumer parks it. @returns the number of refused records. */
async function readAccepted<T>(
  read: ReadTopic,
  codec: Codec<T>,
  { problemOf, onAccepted }: Reading<T>,
): Promise<number> {
  let ignored = 0;
  await read((record) => {
    const decoded = decodeOrNull(codec, record.value);
    if (!decoded) return;
    // mutant: producer.refused-record
    if (problemOf(record.key, decoded)) {
      ignored += 1;
      return;
    }
    onAccepted(decoded);
  });
  return ignored;
}
