import { movieIdCodec, rawGenresCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import type { DeadLetterReason } from '../../../schemas/dead-letter-reasons.ts';
import type { RawMovie } from '../../../schemas/records.ts';
import { rawMovie } from './kafka-fixture.ts';
import { topics } from './topics.ts';

/** A record that can be decoded but contains false information. */
export interface FalseRecord {
  /** Completes "a record ...". */
  readonly name: string;
  readonly topic: typeof topics.movieIds.name | typeof topics.rawMovies.name | typeof topics.rawGenres.name;
  readonly key: string | null;
  readonly value: Buffer;
  readonly reason: DeadLetterReason;
}

const minute = 60_000;
const tenYears = 10 * 365 * 24 * 60 * minute;
const ahead = (ms: number) => new Date(Date.now() + ms);

const raw = (name: string, reason: DeadLetterReason, key: string | null, more: Partial<RawMovie>): FalseRecord => {
  const value = rawMovieCodec.encode({ ...rawMovie(more.movieId ?? 603), ...more });
  return { name, topic: topics.rawMovies.name, key, value, reason };
};

const id = (
  name: string,
  reason: DeadLetterReason,
  key: string,
  { movieId = 603, requestedAt = new Date() }: { readonly movieId?: number; readonly requestedAt?: Date },
): FalseRecord => {
  const value = movieIdCodec.encode({ movieId, reason: 'manual', page: null, rank: null, requestedAt });
  return { name, topic: topics.movieIds.name, key, value, reason };
};

const genres = (
  name: string,
  reason: DeadLetterReason,
  key: string | null,
  { language = 'en', fetchedAt = new Date() }: { readonly language?: string; readonly fetchedAt?: Date },
): FalseRecord => {
  const sourceUrl = 'https://api.themoviedb.org/3/genre/movie/list';
  const value = rawGenresCodec.encode({ language, sourceUrl, fetchedAt, body: Buffer.from('{"genres":[]}') });
  return { name, topic: topics.rawGenres.name, key, value, reason };
};

const gone = Buffer.from('{"success":false,"status_code":34}');

/** Each breaks one rule; a new kind is a new row. */
export const falseRecords: readonly FalseRecord[] = [
  raw('about another movie than its key', 'id_mismatch', '604', { movieId: 603 }),
  raw('whose document is another movie', 'id_mismatch', '603', { body: rawMovie(604).body }),
  raw('whose document has its id as a text', 'id_mismatch', '603', { body: Buffer.from('{"id":"603"}') }),
  raw('of an answer without a key', 'id_mismatch', null, {}),
  raw('of movie -7', 'id_mismatch', '-7', { movieId: -7 }),
  raw('of movie 0', 'id_mismatch', '0', { movieId: 0 }),
  raw('of a 404 under the key of another movie', 'id_mismatch', '604', { httpStatus: 404, body: gone }),
  raw('of a 404 that is a proxy page', 'unexpected_status', '603', { httpStatus: 404, body: Buffer.from('{}') }),
  raw('of status 500', 'unexpected_status', '603', { httpStatus: 500 }),
  raw('of an answer 61 minutes in the future', 'time_in_future', '603', { fetchedAt: ahead(61 * minute) }),
  raw('of an answer ten years in the future', 'time_in_future', '603', { fetchedAt: ahead(tenYears) }),
  raw('of an answer before 1970', 'undecodable_record', '603', { fetchedAt: new Date(-1) }),
  genres('of genres under another language', 'id_mismatch', 'fr', {}),
  genres('of genres without a key', 'id_mismatch', null, {}),
  genres('of genres in no language', 'id_mismatch', 'x', { language: 'x' }),
  genres('of genres ten years in the future', 'time_in_future', 'en', { fetchedAt: ahead(tenYears) }),
  id('that requests another movie than its key', 'id_mismatch', '604', {}),
  id('that requests movie -7', 'id_mismatch', '-7', { movieId: -7 }),
  id('of a request ten years in the future', 'time_in_future', '603', { requestedAt: ahead(tenYears) }),
];
