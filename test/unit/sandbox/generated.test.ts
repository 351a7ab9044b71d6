import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { toListItem } from '../../../sandbox/catalogue.ts';
import { GeneratedCatalogue } from '../../../sandbox/catalogue-generated.ts';
import type { Movie } from '../../../sandbox/generated/movie.ts';
import { Permutation } from '../../../sandbox/generated/permutation.ts';
import { drifted } from '../../../sandbox/routes.ts';
import { announceSkipped, hasRecordings, recordings } from '../../support/tmdb/recordings.ts';

const ranks = (count: number) => Array.from({ length: count }, (_, rank) => rank);
const moviesOf = (catalogue: GeneratedCatalogue, count = catalogue.size): Movie[] =>
  ranks(count).flatMap((rank) => catalogue.movie(catalogue.idAtRank(rank)) ?? []);
const share = (movies: readonly Movie[], test: (movie: Movie) => boolean) => movies.filter(test).length / movies.length;

describe('the generated catalogue', () => {
  it('is the same for the same seed, and different for a different seed', () => {
    const documents = (seed: number) => {
      const catalogue = new GeneratedCatalogue({ seed, movies: 500 });
      return ranks(500).map((rank) => catalogue.document(catalogue.idAtRank(rank))?.toString());
    };
    expect(documents(7)).toEqual(documents(7));
    expect(documents(7)).not.toEqual(documents(8));
  });

  it.each([1, 2, 20, 1_000, 10_000, 3_000_000])('lists each of %i movies once', (movies) => {
    const catalogue = new GeneratedCatalogue({ movies });
    const sample = Math.min(movies, 10_000);
    const ids = new Set(ranks(sample).map((rank) => catalogue.idAtRank(rank)));
    expect(ids.size).toBe(sample);
    for (const id of [...ids].slice(0, 500)) expect(catalogue.movie(id)?.id).toBe(id);
  });

  it('has no movie between or beyond its ids', () => {
    const catalogue = new GeneratedCatalogue({ movies: 1_000 });
    const ids = new Set(ranks(1_000).map((rank) => catalogue.idAtRank(rank)));
    const known = Array.from({ length: 20_000 }, (_, index) => index).filter((id) => catalogue.movie(id) !== null);
    expect(known).toEqual([...ids].filter((id) => id < 20_000).sort((a, b) => a - b));
    for (const id of [0, -1, 1.5, 2 ** 40, Number.NaN]) expect(catalogue.document(id)).toBeNull();
  });

  it('falls in popularity from rank to rank', () => {
    const popularity = moviesOf(new GeneratedCatalogue(), 2_000).map((movie) => movie.popularity);
    expect(popularity).toEqual([...popularity].sort((a, b) => b - a));
  });

  it('has permanently deleted one listed movie in 500', () => {
    const catalogue = new GeneratedCatalogue({ movies: 20_000 });
    const ids = ranks(20_000).map((rank) => catalogue.idAtRank(rank));
    const deleted = ids.filter((id) => catalogue.isDeleted(id));
    expect(deleted.length).toBeGreaterThan(20);
    expect(deleted.length).toBeLessThan(70);
    expect(deleted.every((id) => catalogue.document(id) === null && catalogue.movie(id) !== null)).toBe(true);
    const others = ids.slice(0, 2_000).filter((id) => !deleted.includes(id));
    expect(others.every((id) => catalogue.document(id) !== null)).toBe(true);
  });

  it('changes numbers of about 30 % of the movies with each version, and does not change the others', () => {
    const before = moviesOf(new GeneratedCatalogue({ movies: 2_000 }));
    const after = moviesOf(new GeneratedCatalogue({ movies: 2_000, version: 1 }));
    const changed = after.filter((movie, index) => JSON.stringify(movie) !== JSON.stringify(before[index]));
    expect(changed.length / after.length).toBeCloseTo(0.3, 1);
    for (const [index, movie] of after.entries()) {
      const { popularity, revenue, vote_count } = before[index] as Movie;
      expect({ ...movie, popularity, revenue, vote_count }).toEqual(before[index]);
      expect(movie.vote_count).toBeGreaterThanOrEqual(vote_count);
    }
  });

  it('keeps the changes of an earlier version in a later one', () => {
    const votes = (version: number) =>
      moviesOf(new GeneratedCatalogue({ movies: 2_000, version })).map((movie) => movie.vote_count);
    const [second, third] = [votes(2), votes(3)];
    expect(third.every((count, index) => count >= (second[index] ?? 0))).toBe(true);
  });

  it('has every oddity that the recordings have', () => {
    const movies = moviesOf(new GeneratedCatalogue({ movies: 20_000 }));
    const companies = movies.flatMap((movie) => movie.production_companies);
    const namesById = Map.groupBy(companies, (company) => company.id).values();
    const oddities: Record<string, boolean> = {
      'no release date': movies.some((movie) => movie.release_date === ''),
      'runtime 0': movies.some((movie) => movie.runtime === 0),
      'runtime null': movies.some((movie) => movie.runtime === null),
      'no genre': movies.some((movie) => movie.genres.length === 0),
      'no company': movies.some((movie) => movie.production_companies.length === 0),
      'many companies': movies.some((movie) => movie.production_companies.length >= 15),
      'company of no country': companies.some((company) => company.origin_country === ''),
      'company of two names': [...namesById].some((named) => new Set(named.map(({ name }) => name)).size > 1),
      'imdb_id null': movies.some((movie) => movie.imdb_id === null),
      'imdb_id empty': movies.some((movie) => movie.imdb_id === ''),
      'revenue beyond 32 bits': movies.some((movie) => movie.revenue > 2 ** 31 - 1),
      'budget of a few dollars': movies.some((movie) => movie.budget > 0 && movie.budget < 1_000),
      'whole vote average': movies.some((movie) => movie.vote_count > 0 && Number.isInteger(movie.vote_average)),
      'no origin country': movies.some((movie) => movie.origin_country.length === 0),
      'language of no name': movies.some((movie) => movie.spoken_languages.some(({ name }) => name === '')),
      unreleased: movies.some((movie) => movie.status !== 'Released'),
      ...Object.fromEntries(
        ['Han', 'Hiragana', 'Hangul', 'Cyrillic', 'Arabic', 'Devanagari', 'Tamil'].map((script) => [
          script,
          movies.some((movie) => new RegExp(`\\p{Script=${script}}`, 'u').test(movie.original_title)),
        ]),
      ),
      emoji: movies.some((movie) => /\p{Extended_Pictographic}/u.test(movie.title)),
      quotes: movies.some((movie) => movie.title.includes('"')),
    };
    expect(Object.keys(oddities).filter((oddity) => !oddities[oddity])).toEqual([]);
  });

  it('has money figures for most of the popular movies, and numbers that a table can show', () => {
    const movies = moviesOf(new GeneratedCatalogue());
    expect(share(movies, ({ budget }) => budget === 0)).toBeGreaterThan(0.2);
    expect(share(movies, ({ budget }) => budget === 0)).toBeLessThan(0.6);
    const returns = movies.filter(({ budget, revenue }) => budget >= 100_000 && revenue > 0);
    const roi = returns.map(({ budget, revenue }) => revenue / budget).sort((a, b) => a - b);
    expect(roi[roi.length >> 1]).toBeGreaterThan(1.5);
    expect(roi[roi.length >> 1]).toBeLessThan(3);
    expect(movies.every(({ release_date }) => release_date === '' || /^(19[2-9]|20[0-2])/.test(release_date))).toBe(
      true,
    );
    expect(movies.every((movie) => Number.isInteger(movie.revenue) && Number.isInteger(movie.budget))).toBe(true);
  });

  it('is about 1.7 KB a movie', () => {
    const bytes = moviesOf(new GeneratedCatalogue({ movies: 2_000 })).map((m) => Buffer.byteLength(JSON.stringify(m)));
    const average = bytes.reduce((sum, size) => sum + size, 0) / bytes.length;
    expect(average).toBeGreaterThan(1_600);
    expect(average).toBeLessThan(2_500);
  });
});

announceSkipped('the comparison of generated with recorded movies');

describe.skipIf(!hasRecordings)('compared with the recordings, the generated movies', () => {
  const kind = (value: unknown) => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value);
  type Shape = Map<string, Set<string>>;

  /** Key path → the kinds of value seen there; list elements share a path. */
  const shapeOf = (documents: readonly unknown[]): Shape => {
    const shape: Shape = new Map();
    const visit = (value: unknown, path: string) => {
      shape.set(path, (shape.get(path) ?? new Set()).add(kind(value)));
      if (Array.isArray(value)) for (const element of value) visit(element, `${path}[]`);
      else if (value !== null && typeof value === 'object') {
        for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`);
      }
    };
    for (const document of documents) visit(document, '');
    return shape;
  };

  const lines = (file: string): unknown[] => {
    const bytes = readFileSync(recordings + file);
    const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trim();
    return text.split('\n').map((line) => JSON.parse(line));
  };
  const generated = moviesOf(new GeneratedCatalogue({ movies: 20_000 }));

  it('have the keys of the newest details in the same order', () => {
    const newest = (lines('history/1061474.ndjson') as { doc: object }[]).map(({ doc }) => doc).at(-1);
    for (const movie of generated) expect(Object.keys(movie)).toEqual(Object.keys(newest as object));
  });

  it('have every kind of value that the recordings have, at every path, and no other', () => {
    const recorded = shapeOf([
      ...lines('snapshots/2025-12-15a.ndjson.gz'),
      ...lines('snapshots/2025-12-15b.ndjson.gz'),
      ...(lines('history/1061474.ndjson') as { recorded: string; doc: object }[])
        .filter(({ recorded }) => recorded >= '2026')
        .map(({ doc }) => doc),
    ]);
    const ours = shapeOf(generated);
    expect([...ours.keys()].sort()).toEqual([...recorded.keys()].sort());
    // TMDb is known to send these as well, but the recordings contain only well-known movies.
    const alsoNull = ['.runtime', '.imdb_id', '.poster_path', '.backdrop_path'];
    for (const [path, kinds] of ours) {
      const allowed = new Set([...(recorded.get(path) ?? []), ...(alsoNull.includes(path) ? ['null'] : [])]);
      expect(
        [...kinds].filter((seen) => !allowed.has(seen)),
        path,
      ).toEqual([]);
      expect(
        [...(recorded.get(path) ?? [])].filter((seen) => !kinds.has(seen)),
        path,
      ).toEqual([]);
    }
  });

  it('have list items like those of the popular list', () => {
    const page = JSON.parse(readFileSync(`${recordings}popular/recorded/2026-06-13_ffa30b7_page1.json`, 'utf8'));
    const item = toListItem({ ...(generated[0] as Movie) });
    expect(Object.keys(item)).toEqual(Object.keys(page.results[0]));
  });

  it('name the genres of the recorded list', () => {
    const { genres } = JSON.parse(readFileSync(`${recordings}genres.json`, 'utf8'));
    expect(new GeneratedCatalogue().genres).toEqual(genres);
  });
});

describe('a permutation', () => {
  it.each([1, 2, 3, 4, 5, 100, 4_096, 65_537])('of %i reaches every place once and finds its way back', (size) => {
    const permutation = new Permutation(size, 42);
    const places = ranks(size).map((index) => permutation.at(index));
    expect(new Set(places).size).toBe(size);
    expect(places.every((place, index) => place < size && permutation.indexOf(place) === index)).toBe(true);
  });
});

describe('a popular list that moves', () => {
  it('shows every movie at every moment, near its place', () => {
    for (let moment = 0; moment < 50; moment += 1) {
      const shown = ranks(500).map((rank) => drifted(rank, 500, 5, moment));
      expect(new Set(shown).size).toBe(500);
    }
  });

  it('lets a walk see some movies twice and miss others', () => {
    const walk = ranks(500).map((rank) => drifted(rank, 500, 5, Math.floor(rank / 20)));
    const distinct = new Set(walk).size;
    expect(distinct).toBeLessThan(500);
    expect(distinct).toBeGreaterThan(400);
  });

  it('does not move without drift', () => {
    expect(ranks(100).map((rank) => drifted(rank, 100, 0, 9))).toEqual(ranks(100));
  });
});
