import { describe, expect, it } from 'vitest';
import { isSameAnswer } from '../../../replay/loaded-rows.ts';

const fetchedAt = new Date(Date.UTC(2026, 0, 1));
const record = { kafkaOffset: 0n, sourceUrl: 'https://api.themoviedb.org/3', body: Buffer.from('{}'), fetchedAt };
const movie = { ...record, movieId: 1, httpStatus: 200 };
const genres = { ...record, language: 'en' };
const loaded = { source_url: record.sourceUrl, fetched_at: fetchedAt.toISOString() };
const loadedMovie = { ...loaded, movie_id: 1, http_status: 200 };
const loadedGenres = { ...loaded, language: 'en' };
const otherAnswer = [
  ['source', { source_url: 'https://api.themoviedb.org/4' }],
  ['time', { fetched_at: '2026-01-01T00:00:00.001Z' }],
] as const;

describe('a row of BRONZE', () => {
  it('is the answer of its record, whatever the types of the driver are', () => {
    expect(isSameAnswer(loadedMovie, movie)).toBe(true);
    expect(isSameAnswer({ ...loadedMovie, movie_id: 1n, http_status: '200' }, movie)).toBe(true);
    expect(isSameAnswer(loadedGenres, genres)).toBe(true);
  });

  it.each([...otherAnswer, ['movie', { movie_id: 2 }], ['status', { http_status: 404 }]] as const)(
    'is not the answer about a movie if the %s differs',
    (_, difference) => {
      expect(isSameAnswer({ ...loadedMovie, ...difference }, movie)).toBe(false);
    },
  );

  it.each([...otherAnswer, ['language', { language: 'de' }]] as const)(
    'is not the answer about genres if the %s differs',
    (_, difference) => {
      expect(isSameAnswer({ ...loadedGenres, ...difference }, genres)).toBe(false);
    },
  );
});
