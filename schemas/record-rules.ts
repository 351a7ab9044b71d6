import type { DeadLetterReason } from './dead-letter-reasons.ts';
import { numberReader } from './number-reader.ts';
import type { MovieId, RawGenres, RawMovie } from './records.ts';

/** How far (ms) a time may be ahead of the reader's clock. Beyond that a clock was wrong, or the time is invented. */
export const maxAheadMs = 3_600_000; // mutant: loader.future-margin

/** Why a decoded record is not accepted. */
export interface Problem {
  readonly reason: DeadLetterReason;
  /** For a person; any text from the record in it has a bounded length. */
  readonly message: string;
}

/** Whether a time is too far ahead of `now`, both in milliseconds since the epoch. Also true for NaN. */
export const isInFuture = (time: number, now: number): boolean => !(time <= now + maxAheadMs); // mutant: loader.future

type Key = Buffer | null;

/**
 * Checks a record of `tmdb.movie-ids`: its key must be its movieId, 1 or larger, and its time must not be
 * in the future. @param now milliseconds since the epoch. @returns null if the record is correct.
 */
export const problemOfId = (key: Key, { movieId, requestedAt }: MovieId, now: number): Problem | null =>
  problemOfKey(key, movieId) ?? problemOfTime('requestedAt', requestedAt, now);

/**
 * Checks a record of `tmdb.raw-movies`: key, movieId and the id in the body (if it has one) must be the same integer, 1 or
 * larger; the body of a 404 must say that there is no such movie; the time must not be in the future.
 * It cannot detect a false 404 that obeys all of this. @param now as above. @returns null if the record is correct.
 */
export const problemOfMovie = (key: Key, movie: RawMovie, now: number): Problem | null =>
  problemOfKey(key, movie.movieId) ??
  problemOfBody(movie) ??
  problemOfStatus(movie) ??
  problemOfTime('fetchedAt', movie.fetchedAt, now);

/** Checks a record of `tmdb.raw-genres`, keyed by its language. @param now as above. @returns null if the record is correct. */
export function problemOfGenres(key: Key, { language, fetchedAt }: RawGenres, now: number): Problem | null {
  if (!isLanguage(language)) return mismatch(`its language ${quoted(Buffer.from(language))} is not a language tag`); // mutant: loader.is-language
  if (!isKey(key, language)) return mismatch(`its key ${quoted(key)} is not its language ${language}`); // mutant: loader.key-is-language
  return problemOfTime('fetchedAt', fetchedAt, now);
}

function problemOfKey(key: Key, movieId: number): Problem | null {
  if (movieId < 1) return mismatch(`its movieId ${movieId} is not valid: TMDb's ids start at 1`); // mutant: loader.movie-is-positive
  if (!isKey(key, String(movieId))) return mismatch(`its key ${quoted(key)} is not its movieId ${movieId}`); // mutant: loader.key-is-movie
  return null;
}

const idOf = numberReader('id');

function problemOfBody({ movieId, body }: RawMovie): Problem | null {
  const id = idOf(body);
  if (id === undefined || id === movieId) return null; // mutant: loader.document-is-of-movie
  const said = Number.isNaN(id) ? 'not a single number' : id;
  return mismatch(`the id in its document is ${said}, not its movieId ${movieId}`);
}

/** TMDb's codes for a movie that does not exist: not found, invalid id, and not found in its newer lists. */
const goneCodes = ['34', '6', '37'];

/** TMDb's own body has about a hundred bytes. */
const longestError = 64_000;

function problemOfStatus({ httpStatus, body }: RawMovie): Problem | null {
  if (httpStatus === 200) return null; // mutant: loader.known-status
  if (httpStatus !== 404 && httpStatus !== 410) {
    return { reason: 'unexpected_status', message: `its status is ${httpStatus}: only 200, 404 and 410 are answers` };
  }
  const code = statusCodeOf(body);
  if ((typeof code === 'number' || typeof code === 'string') && goneCodes.includes(String(code))) return null; // mutant: loader.gone-code
  return {
    reason: 'unexpected_status',
    message: `its status is ${httpStatus}, but its document has no code for a deleted movie`,
  };
}

/** The code of an error, as a number or a text, as SILVER reads it. */
function statusCodeOf(body: Buffer): unknown {
  if (body.length > longestError) return undefined;
  try {
    return (JSON.parse(body.toString()) as { readonly status_code?: unknown }).status_code;
  } catch {
    return undefined;
  }
}

function problemOfTime(field: string, time: Date, now: number): Problem | null {
  // No warehouse can store all earlier years; a clock that was never set shows 1970.
  // mutant: loader.before-epoch
  if (time.getTime() < 0) {
    return { reason: 'undecodable_record', message: `its ${field} ${textOf(time)} is before 1970` };
  }
  if (!isInFuture(time.getTime(), now)) return null;
  const message = `its ${field} ${textOf(time)} is more than an hour ahead of this machine's clock (${textOf(new Date(now))})`;
  return { reason: 'time_in_future', message };
}

/** The largest value of the wire format. */
const maxMovieId = 2 ** 31 - 1;

/** The movie that a record is keyed by; null if its key is not a movie id. */
export function movieIdOf(key: Buffer | string | null): number | null {
  const movieId = /^[1-9]\d{0,9}$/.test(String(key)) ? Number(key) : Number.POSITIVE_INFINITY;
  return movieId <= maxMovieId ? movieId : null;
}

const mismatch = (message: string): Problem => ({ reason: 'id_mismatch', message });

/** Whether a key is this text of ASCII characters. */
const isKey = (key: Key, text: string): boolean =>
  key !== null && key.length === text.length && key.toString('latin1') === text;

/** A language tag (BCP 47) such as `en` or `pt-BR`. */
const isLanguage = (text: string): boolean => text.length <= 35 && /^[a-z]{2,3}(?:-[A-Za-z\d]{2,8})*$/.test(text);

const shownBytes = 40;

const quoted = (key: Key): string => {
  if (key === null) return '(none)';
  const shown = JSON.stringify(key.toString('latin1', 0, shownBytes));
  return key.length > shownBytes ? `${shown}... of ${key.length} bytes` : shown;
};

const textOf = (time: Date): string => (Number.isNaN(time.getTime()) ? 'an invalid time' : time.toISOString());
