import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isProblem, toRawRow } from '../../../consumers/raw-row.ts';
import { movieIdCodec, rawGenresCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import { headersOf } from '../../../schemas/movie-request.ts';
import { isInFuture, problemOfGenres, problemOfId, problemOfMovie } from '../../../schemas/record-rules.ts';
import type { RawMovie } from '../../../schemas/records.ts';
import { topics } from '../../support/kafka/topics.ts';

const now = Date.UTC(2026, 0, 1);
const minute = 60_000;
const sourceUrl = 'https://api.themoviedb.org/3/';

const rawMovie = (movieId: number, body = `{"id":${movieId}}`, more: Partial<RawMovie> = {}): RawMovie => ({
  movieId,
  sourceUrl,
  httpStatus: 200,
  fetchedAt: new Date(now),
  body: Buffer.from(body),
  ...more,
});

const judged = (key: string | null, movie: RawMovie) =>
  problemOfMovie(key === null ? null : Buffer.from(key), movie, now)?.reason ?? 'row';

const gone = '{"success":false,"status_code":34,"status_message":"The resource you requested could not be found."}';

describe('a record of raw-movies', () => {
  it.each<[string | null, number, string, string]>([
    ['603', 603, '{"id":603}', 'row'],
    ['603', 603, '{"title":"a document without an id"}', 'row'],
    ['603', 603, '{"id":603.0}', 'row'],
    ['603', 603, '{"id":603,"id":603}', 'row'],
    ['603', 603, '{"belongs_to_collection":{"id":5},"id":603,"genres":[{"id":18}]}', 'row'],
    ['603', 603, '{"id":604}', 'id_mismatch'],
    ['603', 603, '{"id":"603"}', 'id_mismatch'],
    ['603', 603, '{"id":null}', 'id_mismatch'],
    ['603', 603, '{"id":603,"id":604}', 'id_mismatch'],
    ['603', 603, '{"\\u0069d":604}', 'id_mismatch'],
    ['603', 603, '{"id":1e400}', 'id_mismatch'],
    ['604', 603, '{"id":603}', 'id_mismatch'],
    ['604', 603, '{"id":604}', 'id_mismatch'],
    [null, 603, '{"id":603}', 'id_mismatch'],
    ['', 603, '{"id":603}', 'id_mismatch'],
    ['0603', 603, '{"id":603}', 'id_mismatch'],
    ['603 ', 603, '{"id":603}', 'id_mismatch'],
    ['6.03e2', 603, '{"id":603}', 'id_mismatch'],
    ['-7', -7, '{"id":-7}', 'id_mismatch'],
    ['0', 0, '{"id":0}', 'id_mismatch'],
    ['2147483647', 2_147_483_647, '{"id":2147483647}', 'row'],
  ])('[R76] under the key %s, about movie %i with the document %s: %s', (key, movieId, body, expected) => {
    expect(judged(key, rawMovie(movieId, body))).toBe(expected);
  });

  it.each<[number, string, string]>([
    [404, gone, 'row'],
    [410, gone, 'row'],
    [404, '{"status_code":6}', 'row'],
    [404, '{"status_code":37,"id":603}', 'row'],
    [404, '{"status_code":34,"id":604}', 'id_mismatch'],
    [404, '{"message":"no route"}', 'unexpected_status'],
    [404, '{"status_code":7}', 'unexpected_status'],
    [404, '{"status_code":"34"}', 'row'],
    [404, '{"status_code":[34]}', 'unexpected_status'],
    [404, '{"status_code":34', 'unexpected_status'],
    [404, '{"x":{"status_code":34}}', 'unexpected_status'],
    [404, '{"id":603,"title":"a movie"}', 'unexpected_status'],
    [500, '{"id":603}', 'unexpected_status'],
    [0, '{"id":603}', 'unexpected_status'],
    [-1, '{"id":603}', 'unexpected_status'],
    [204, '{"id":603}', 'unexpected_status'],
  ])('[R77] of the status %i with the document %s: %s', (httpStatus, body, expected) => {
    expect(judged('603', rawMovie(603, body, { httpStatus }))).toBe(expected);
    expect(judged('604', rawMovie(603, body, { httpStatus }))).toBe('id_mismatch');
  });

  it('is refused under a key of 200 KB, and the message has only the beginning of the key', () => {
    const problem = problemOfMovie(Buffer.from('603'.repeat(70_000)), rawMovie(603), now);
    expect(problem?.reason).toBe('id_mismatch');
    expect(problem?.message.length).toBeLessThan(200);
  });

  it('does not count as a deleted movie when its document is large', () => {
    const body = `{"status_code":34,"x":"${'x'.repeat(70_000)}"}`;
    expect(judged('603', rawMovie(603, body, { httpStatus: 404 }))).toBe('unexpected_status');
  });

  it('[R76] is a row if and only if key, movieId and id agree', () => {
    const id = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
    const body = fc.oneof(
      id.map((value) => ({ value, text: `{"title":"x","id":${value}}` })),
      id.map((value) => ({ value: undefined, text: `{"genres":[{"id":${value}}],"x":{"a":1,"id":${value}}}` })),
      id.map((value) => ({ value: String(value), text: `{"id":"${value}"}` })),
      fc.json().map((text) => ({ value: null, text: `{"id":[${text}]}` })),
    );
    const key = fc.oneof(id.map(String), fc.string({ unit: 'binary' }), fc.constant(null));
    fc.assert(
      fc.property(key, id, body, (keyText, movieId, { value, text }) => {
        const agree = movieId >= 1 && keyText === String(movieId) && (value === undefined || value === movieId);
        expect(judged(keyText, rawMovie(movieId, text))).toBe(agree ? 'row' : 'id_mismatch');
      }),
      { numRuns: 5_000 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (movieId) => {
        expect(judged(String(movieId), rawMovie(movieId))).toBe('row');
      }),
    );
  });
});

describe('a record of raw-genres', () => {
  it.each<[string | null, string, string]>([
    ['en', 'en', 'row'],
    ['pt-BR', 'pt-BR', 'row'],
    ['zh-Hant-TW', 'zh-Hant-TW', 'row'],
    ['fr', 'en', 'id_mismatch'],
    [null, 'en', 'id_mismatch'],
    ['', '', 'id_mismatch'],
    ['EN', 'EN', 'id_mismatch'],
    ['english', 'english', 'id_mismatch'],
    ["en'; drop", "en'; drop", 'id_mismatch'],
    ['é', 'é', 'id_mismatch'],
  ])('[R76] under the key %s, in the language %s: %s', (key, language, expected) => {
    const genres = { language, sourceUrl, fetchedAt: new Date(now), body: Buffer.from('{"genres":[]}') };
    expect(problemOfGenres(key === null ? null : Buffer.from(key), genres, now)?.reason ?? 'row').toBe(expected);
  });
});

describe('a record of movie-ids', () => {
  it.each<[string | null, number, string]>([
    ['603', 603, 'fine'],
    ['604', 603, 'id_mismatch'],
    [null, 603, 'id_mismatch'],
    ['-7', -7, 'id_mismatch'],
    ['0', 0, 'id_mismatch'],
  ])('under the key %s, about movie %i: %s', (key, movieId, expected) => {
    const asked = { movieId, reason: 'manual', page: null, rank: null, requestedAt: new Date(now) } as const;
    expect(problemOfId(key === null ? null : Buffer.from(key), asked, now)?.reason ?? 'fine').toBe(expected);
  });
});

const tenYears = 10 * 365 * 24 * 60 * minute;
/** Milliseconds from now, and the outcome of a record with that time. */
const times: readonly (readonly [string, number, string])[] = [
  ['59 minutes ahead', 59 * minute, 'fine'],
  ['an hour ahead', 60 * minute, 'fine'],
  ['a millisecond more', 60 * minute + 1, 'time_in_future'],
  ['61 minutes ahead', 61 * minute, 'time_in_future'],
  ['ten years ahead', tenYears, 'time_in_future'],
  ['the end of the year 9999', Date.UTC(9999, 11, 31, 23, 59, 59, 999) - now, 'time_in_future'],
  ['a millisecond ago', -1, 'fine'],
  ['six months ago', -180 * 24 * 60 * minute, 'fine'],
  ['the start of 1970, of a clock that was never set', -now, 'fine'],
  ['a millisecond before 1970', -now - 1, 'undecodable_record'],
  ['thousands of years before Christ', -Date.UTC(9999, 11, 31) - now, 'undecodable_record'],
];

/** Every place where a time is read. */
const boundaries: Readonly<Record<string, (at: Date) => string>> = {
  'raw-movies, on its way into BRONZE': (fetchedAt) => {
    const value = rawMovieCodec.encode(rawMovie(603, undefined, { fetchedAt }));
    return rowOrReason(topics.rawMovies.name, '603', value);
  },
  'raw-movies, a movie that is gone': (fetchedAt) => {
    const value = rawMovieCodec.encode(rawMovie(603, gone, { fetchedAt, httpStatus: 404 }));
    return rowOrReason(topics.rawMovies.name, '603', value);
  },
  'raw-genres, on its way into BRONZE': (fetchedAt) => {
    const value = rawGenresCodec.encode({ language: 'en', sourceUrl, fetchedAt, body: Buffer.from('{"genres":[]}') });
    return rowOrReason(topics.rawGenres.name, 'en', value);
  },
  'movie-ids, on its way to TMDb and into the memory of a producer': (requestedAt) => {
    const value = movieIdCodec.encode({ movieId: 603, reason: 'manual', page: null, rank: null, requestedAt });
    return problemOfId(Buffer.from('603'), movieIdCodec.decode(value), now)?.reason ?? 'fine';
  },
};

function rowOrReason(topic: string, key: string, value: Buffer): string {
  const row = toRawRow(topics, { topic, offset: 0n, key: Buffer.from(key), value }, now);
  return isProblem(row) ? row.reason : 'fine';
}

it.each([
  ['with its request', { requestedAt: new Date(now + 9 * 86_400_000), reason: 'popular' }],
  ['without a request', undefined],
])('[R180 R181] a record of raw-movies %s is a row, whatever the time of the request', (_, request) => {
  const record = { topic: topics.rawMovies.name, offset: 0n, key: Buffer.from('603') };
  const value = rawMovieCodec.encode(rawMovie(603));
  const headers = { 'tmdb-note': 'x', ...headersOf(request ?? {}) };
  expect(toRawRow(topics, { ...record, value, headers }, now)).toEqual({
    ...{ kafkaOffset: 0n, ...rawMovieCodec.decode(value) },
    ...(request && { request }),
  });
});

it.each([
  [
    'marked if it was sent back',
    { 'tmdb-origin': 'tmdb.raw-movies/0/7', 'tmdb-origin-timestamp': '1', 'tmdb-replays': '1' },
    true,
  ],
  ['like any other if its origin is not one that we write', { 'tmdb-origin': 'x', 'tmdb-replays': '1' }, undefined],
])('[R187] the row of a record is %s', (_, headers, expected) => {
  const movie = { topic: topics.rawMovies.name, key: Buffer.from('603'), value: rawMovieCodec.encode(rawMovie(603)) };
  const body = Buffer.from('{"genres":[]}');
  const value = rawGenresCodec.encode({ language: 'en', sourceUrl, fetchedAt: new Date(now), body });
  for (const record of [movie, { topic: topics.rawGenres.name, key: Buffer.from('en'), value }]) {
    const row = toRawRow(topics, { ...record, offset: 0n, headers }, now);
    expect('isSentBack' in row ? row.isSentBack : undefined).toBe(expected);
  }
});

describe.each(Object.entries(boundaries))('a time in %s', (_, outcomeOf) => {
  it.each(times)('[R79] %s (%i ms): %s', (_name, offset, expected) => {
    expect(outcomeOf(new Date(now + offset))).toBe(expected);
  });
});

it('treats an invalid time like one in the future', () => {
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY]) expect(isInFuture(time, now)).toBe(true);
  expect(
    problemOfMovie(Buffer.from('603'), rawMovie(603, undefined, { fetchedAt: new Date(Number.NaN) }), now)?.reason,
  ).toBe('time_in_future');
});
