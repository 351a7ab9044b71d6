import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DbtSummary } from '../../../transform/dbt/run-results.ts';
import { allParts, oddParts, withParts } from '../../support/dbt/appended-documents.ts';
import { oddDocuments } from '../../support/dbt/odd-documents.ts';
import { type MovieRecord, root, WarehouseFile } from '../../support/dbt/warehouse-file.ts';
import { usualDocument, wrongTypes } from '../../support/dbt/wrong-types.ts';

const quirksFile = join(root, '..', 'shared', 'tmdb', 'quirks.ndjson');

interface Movie {
  readonly id: number;
  readonly [key: string]: unknown;
}

const columns = `movie_id, imdb_id, title, original_title, original_language, status, cast(release_date as varchar) as release_date,
  runtime_minutes, budget_usd, revenue_usd, popularity, vote_average, vote_count, adult, video, softcore, is_released,
  collection, poster_path, overview, tagline, first_seen_at::date::varchar as first_seen_on, unusable_fields`;

/** What a column must hold, computed from the document without any SQL. */
function expected(movie: Movie) {
  const text = (key: string) => (typeof movie[key] === 'string' && movie[key].trim() !== '' ? movie[key] : null);
  const positive = (key: string) => (Number(movie[key]) > 0 ? Number(movie[key]) : null);
  return {
    movie_id: movie.id,
    imdb_id: text('imdb_id'),
    title: text('title'),
    original_title: text('original_title'),
    original_language: text('original_language'),
    status: text('status'),
    release_date: text('release_date'),
    runtime_minutes: positive('runtime'),
    budget_usd: positive('budget'),
    revenue_usd: positive('revenue'),
    popularity: Number(movie['popularity']),
    vote_average: Number(movie['vote_count']) > 0 ? positive('vote_average') : null,
    vote_count: Number(movie['vote_count']),
    adult: movie['adult'] ?? null,
    video: movie['video'] ?? null,
    softcore: movie['softcore'] ?? null,
    is_released: movie['status'] === 'Released' && String(movie['release_date']) <= '2026-01-01',
    collection: (movie['belongs_to_collection'] as { name: string } | null)?.name ?? null,
    poster_path: text('poster_path'),
    overview: text('overview'),
    tagline: text('tagline'),
    first_seen_on: '2026-01-01',
    unusable_fields: null,
  };
}

const listed = (movie: Movie, key: string, id: string) =>
  (movie[key] as Record<string, number | string>[]).map((member, index) => ({
    movie_id: movie.id,
    id: member[id],
    position: index + 1,
  }));

const numbers = (rows: readonly Record<string, unknown>[]) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]) => [
        key,
        typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value,
      ]),
    ),
  );

describe.skipIf(!existsSync(quirksFile))(
  `recorded documents with unusual values (${quirksFile})`,
  { tags: ['full'] },
  () => {
    it('have the same values in SILVER, in any time zone', async () => {
      await using file = await WarehouseFile.create();
      const lines = readFileSync(quirksFile, 'utf8').trim().split('\n');
      const movies = lines.map((line): Movie => JSON.parse(line)).sort((a, b) => a.id - b.id);
      await file.load(
        1,
        lines.map((line): MovieRecord => ({ movieId: JSON.parse(line).id, body: line, fetchedAt: 0 })),
      );
      await file.dbt({}, { TZ: 'Pacific/Kiritimati' });

      const rows = await file.query(`select ${columns} from silver.silver_movies order by movie_id`);
      expect(numbers(rows)).toEqual(movies.map(expected));
      for (const [table, id, key, idInDocument] of [
        ['silver.silver_movie_genres', 'genre_id', 'genres', 'id'],
        ['silver.silver_movie_companies', 'company_id', 'production_companies', 'id'],
        ['silver.silver_movie_countries', 'country_code', 'production_countries', 'iso_3166_1'],
        ['silver.silver_movie_languages', 'language_code', 'spoken_languages', 'iso_639_1'],
      ] as const) {
        const members = await file.query(
          `select movie_id, ${id} as id, position from ${table} order by movie_id, position`,
        );
        expect(numbers(members)).toEqual(movies.flatMap((movie) => listed(movie, key, idInDocument)));
      }
      expect(await file.query("select 1 from silver.silver_production_companies where origin_country = ''")).toEqual(
        [],
      );

      const there = await file.contents();
      await file.dbt({ fullRefresh: true }, { TZ: 'America/St_Johns' });
      expect(await file.contents()).toEqual(there);
    });
  },
);

/** The documents of all tests below, in one build. Their ids differ. */
const wrong = wrongTypes(1_000);
const usualId = 900;
const [longId, shortId] = [5_001, 5_002];
const [withPartsId, notAskedId, oddPartsId] = [6_001, 6_002, 6_003];
/** The longest list that an answer can have. */
const length = 40_000;

describe('documents of every kind, in one build,', () => {
  let file: WarehouseFile;
  let summary: DbtSummary;
  beforeAll(async () => {
    file = await WarehouseFile.create();
    const text = (movieId: number, body: string): MovieRecord => ({ movieId, body, fetchedAt: movieId });
    const entries = Array.from({ length }, (_, index) => ({ id: index + 1, name: `number ${index + 1}` }));
    const long = { id: longId, title: 'long', genres: entries, production_companies: entries };
    await file.load(1, [
      ...oddDocuments,
      text(31, '{"id":31,"title":"half \\ud83d, whole \\ud83d\\ude00, \\\\ud83d","budget":5000000}'),
      text(32, 'no JSON at all'),
      usualDocument(usualId),
      ...wrong.map(({ record }) => record),
      { movieId: longId, body: long, fetchedAt: 1 },
      { movieId: shortId, body: { id: shortId, title: 'usual', genres: entries.slice(0, 2) }, fetchedAt: 2 },
      withParts(withPartsId, 1, allParts),
      { ...withParts(notAskedId, 1, allParts), query: 'language=en' },
      ...oddParts.map((parts, index) => withParts(oddPartsId + index, 1, parts)),
    ]);
    await file.loadGenres(2, [{ language: 'en', body: { genres: entries }, fetchedAt: 1 }]);
    summary = await file.dbt({}, { TMDB_APPEND: 'release_dates,credits,keywords' });
  });
  afterAll(() => file[Symbol.asyncDispose]());

  const silver = async (id: number) =>
    (await file.query(`select * from silver.silver_movies where movie_id = ${id}`))[0] ?? {};

  it('[R44 R52] reads values of wrong types, impossible values and lone surrogates as NULL or unchanged, and never fails', async () => {
    // Warnings: of documents with unusable fields, and of the many documents with one IMDb id.
    expect(summary).toMatchObject({ status: 'warned', tests: { warned: 2 }, failures: [] });
    expect(await silver(1)).toMatchObject({ budget_usd: '63000000', revenue_usd: '463517383', runtime_minutes: 136 });
    expect(await silver(2)).toMatchObject({
      budget_usd: null,
      revenue_usd: null,
      unusable_fields: 'genres production_companies budget revenue ',
    });
    expect(await silver(3)).toMatchObject({ budget_usd: '9007199254740993', revenue_usd: null, runtime_minutes: null });
    expect((await silver(3))['unusable_fields']).toBe('runtime revenue popularity ');
    expect((await silver(4))['unusable_fields']).toBe('runtime revenue popularity vote_average vote_count ');
    expect(await silver(5)).toMatchObject({ budget_usd: null, runtime_minutes: null, vote_count: null });
    expect((await silver(5))['unusable_fields']).toBe('runtime budget vote_count ');
    const dates = await file.query(
      'select movie_id, cast(release_date as varchar) as day from silver.silver_movies where movie_id between 10 and 29 and release_date is not null',
    );
    expect(dates.map(({ day }) => day).sort()).toEqual(['1874-12-09', '2024-02-29', '2100-12-31']);
    expect((await silver(30))['title']).toBe('a\u0000b');
    expect(await silver(31)).toMatchObject({ title: 'half \ufffd, whole \u{1f600}, \\ufffd', budget_usd: '5000000' });
    expect(await silver(32)).toMatchObject({ title: null, unusable_fields: 'document ' });
    expect(await silver(33)).toMatchObject({ title: null, unusable_fields: 'document ' });
    expect(await file.query('select count(*) as n from gold.fact_movies where movie_id < 100')).toEqual([{ n: '20' }]);
  });

  it('[R90] names each field and each list element with a value of a wrong type, and reads all other values of the movie', async () => {
    const rows = await file.query(`select * replace (cast(release_date as varchar) as release_date)
      from silver.silver_movies`);
    const found = new Map(rows.map((row) => [Number(row['movie_id']), row]));
    const usual = found.get(usualId) ?? {};
    expect(usual['unusable_fields']).toBeNull();
    for (const { record, unusable, column, others } of wrong) {
      const row = found.get(record.movieId) ?? {};
      const what = String(record.body);
      expect(row['unusable_fields'], what).toBe(unusable);
      // The other elements of a list with an unusable element are used.
      if (unusable !== null && !unusable.includes('[]')) expect(row[column], what).toBeNull();
      for (const other of others) expect(row[other], `${other} of ${what}`).toEqual(usual[other]);
    }
    // No movie is lost, and none is without a title.
    const [gold] = await file.query(`select count(*) as movies, count(*) filter (trim(title) <> '') as titles
      from gold.fact_movies where movie_id between 1000 and 4999`);
    expect(gold).toEqual({ movies: String(wrong.length), titles: String(wrong.length) });
  });

  it('[R48] reads lists of the maximum length of an answer, in memory that one document does not exhaust', async () => {
    const genres = `select movie_id, count(*) as n from silver.silver_movie_genres
      where movie_id in (${longId}, ${shortId}) group by movie_id order by movie_id`;
    expect(numbers(await file.query(genres))).toEqual([
      { movie_id: longId, n: length },
      { movie_id: shortId, n: 2 },
    ]);
    const companies = `select count(*) as n from silver.silver_movie_companies where movie_id = ${longId}`;
    expect(numbers(await file.query(companies))).toEqual([{ n: length }]);
    const listed = 'select count(*) as n from silver.silver_genres where is_listed';
    expect(numbers(await file.query(listed))).toEqual([{ n: length }]);
  });

  it('[R156] takes the parts of documents that were asked for them', async () => {
    const rows = async (movieId: number) => {
      const counts = ['cast', 'crew', 'keywords', 'releases'].map(
        (name) => `(select count(*) from silver.silver_movie_${name} where movie_id = ${movieId})::integer as ${name}`,
      );
      return (await file.query(`select ${counts.join(', ')}`))[0];
    };
    expect(await rows(withPartsId)).toEqual({ cast: 3, crew: 2, keywords: 2, releases: 3 });
    expect(await rows(notAskedId)).toEqual({ cast: 0, crew: 0, keywords: 0, releases: 0 });
  });
});
