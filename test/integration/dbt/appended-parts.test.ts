import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Dbt } from '../../../transform/dbt/dbt.ts';
import { openColdDbt, openWarmDbt } from '../../../transform/dbt/open-dbt.ts';
import { expiredDocument } from '../../../warehouse/expiry.ts';
import { allParts, oddParts, withParts } from '../../support/dbt/appended-documents.ts';
import { contentsOf, expectSame } from '../../support/dbt/same-tables.ts';
import { SnowflakeTables } from '../../support/dbt/snowflake-tables.ts';
import { gone, movie, WarehouseFile } from '../../support/dbt/warehouse-file.ts';
import { hasRecordings, recordings } from '../../support/tmdb/recordings.ts';

// Each test continues from the one before.
const tables = ['cast', 'crew', 'keywords', 'releases'].map((name) => `silver_movie_${name}`);
const select = ['stg_movies', 'silver_movies', ...tables];
const env = { TMDB_APPEND: 'release_dates,credits,keywords' };
const full = { tags: ['full'], timeout: 200_000 };

let file: WarehouseFile;
let dbt: Dbt;
beforeAll(async () => {
  file = await WarehouseFile.create();
  dbt = openWarmDbt(file.place(env));
});
afterAll(async () => {
  await dbt[Symbol.asyncDispose]();
  await file[Symbol.asyncDispose]();
});

const run = () => file.run(dbt, { command: 'run', select });
const rowsOf = async (table: string, columns: string, movieId: number) =>
  (await file.query(`select ${columns} from silver.${table} where movie_id = ${movieId} order by all`)).map((row) =>
    Object.values(row),
  );
const counts = async (movieId: number) =>
  Promise.all(tables.map(async (table) => (await rowsOf(table, 'position', movieId)).length));
const contents = (warehouse: WarehouseFile | SnowflakeTables = file) =>
  contentsOf(
    warehouse,
    Object.fromEntries(tables.map((table) => [table, `select * exclude (_run_seq) from silver.${table}`])),
  );

it('[R156] each column has the value of the part', full, async () => {
  await file.load(1, [withParts(3, 1, allParts), withParts(4, 1, { keywords: allParts.keywords })]);
  await run();
  expect(await counts(4)).toEqual([0, 0, 2, 0]);
  expect(await rowsOf('silver_movie_cast', 'position, credit_id, person_id, person_name, character_name', 3)).toEqual([
    ['1', 'c1', '7', 'Ada Anchor', 'The Captain'],
    ['2', 'c2', '8', 'Bo Bridge', null],
    ['3', 'c3', '7', 'Ada Anchor', 'The Twin'],
  ]);
  expect(await rowsOf('silver_movie_crew', 'position, credit_id, person_id, department, job', 3)).toEqual([
    ['1', 'c4', '9', 'Directing', 'Director'],
    ['2', 'c5', '9', 'Writing', 'Writer'],
  ]);
  expect(await rowsOf('silver_movie_keywords', 'position, keyword_id, keyword_name', 3)).toEqual([
    ['1', '21', 'ship'],
    ['2', '22', 'twin'],
  ]);
  const columns = 'country_code, position, cast(release_date as varchar), release_type, certification';
  expect(await rowsOf('silver_movie_releases', columns, 3)).toEqual([
    ['DE', '1', '2012-09-01', 1, '12'],
    ['US', '1', '2012-08-28', 3, 'PG-13'],
    ['US', '2', '2012-10-01', 4, null],
  ]);
});

it('[R156] the newest document decides, also if it was asked for no part or has expired', full, async () => {
  await file.load(
    2,
    [5, 6, 7, 8].map((movieId) => withParts(movieId, 1, allParts)),
  );
  await run();
  await file.load(3, [
    movie(5, 20),
    gone(6, 20),
    withParts(7, 20, { credits: { cast: [], crew: [] } }),
    { ...withParts(8, 20, {}), body: expiredDocument },
  ]);
  await run();
  expect(await counts(5)).toEqual([0, 0, 0, 0]);
  expect(await counts(6)).toEqual([3, 2, 2, 3]);
  expect(await counts(7)).toEqual([0, 0, 0, 0]);
  expect(await counts(8)).toEqual([0, 0, 0, 0]);
});

it('[R90] unusable parts and members are NULL or omitted, and keys are unique', full, async () => {
  await file.load(
    4,
    oddParts.map((parts, index) => withParts(100 + index, 1, parts)),
  );
  await run();
  const { tests } = await file.run(dbt, { command: 'test', select: tables });
  expect(tests).toEqual({ passed: tables.length, warned: 0, failed: 0 });
  expect(await counts(100)).toEqual([0, 0, 0, 0]);
  expect(await counts(101)).toEqual([0, 0, 0, 0]);
  expect(await rowsOf('silver_movie_cast', 'credit_id, person_id', 102)).toEqual([['x', null]]);
  expect(await rowsOf('silver_movie_crew', 'credit_id, person_name, department, job', 103)).toEqual([
    ['z', null, null, null],
  ]);
  expect(await rowsOf('silver_movie_keywords', 'keyword_id, keyword_name', 104)).toEqual([['21', null]]);
  expect(await counts(105)).toEqual([0, 0, 0, 0]);
  const columns = 'position, cast(release_date as varchar), release_type, certification';
  expect(await rowsOf('silver_movie_releases', columns, 106)).toEqual([
    ['1', null, null, null],
    ['2', null, null, null],
    ['3', null, 3, null],
    ['4', null, null, null],
  ]);
});

it.skipIf(!hasRecordings)('recorded parts have a value in each column', full, async () => {
  const openapi = JSON.parse(gunzipSync(readFileSync(join(recordings, 'openapi-2026-06.json.gz'))).toString());
  const example = (part: string) => {
    const { content } = openapi.paths[`/3/movie/{movie_id}/${part}`].get.responses['200'];
    return JSON.parse(content['application/json'].examples.Result.value);
  };
  const parts = Object.fromEntries(env.TMDB_APPEND.split(',').map((part) => [part, example(part)]));
  await file.load(5, [withParts(550, 1, parts)]);
  await run();
  for (const table of tables) {
    const rows = await file.query(`select * from silver.${table} where movie_id = 550`);
    const columns = Object.keys(rows[0] ?? {});
    expect(columns.filter((column) => rows.every((row) => row[column] === null || row[column] === ''))).toEqual([]);
  }
});

it('[R62] a full refresh and Snowflake give the same rows', full, async () => {
  const incremental = await contents();
  await using snowflake = await SnowflakeTables.create();
  await snowflake.catchUpWith(file);
  await using onSnowflake = openColdDbt(snowflake.place(undefined, env));
  await file.run(dbt, { command: 'run', select, fullRefresh: true });
  await file.run(onSnowflake, { command: 'run', select });
  expectSame(await contents(), incremental);
  expectSame(await contents(snowflake), incremental);
  // The tables of parts that the setting no longer names are dropped: no purge would change their rows.
  const withoutCredits = { TMDB_APPEND: 'keywords,release_dates' };
  await file.dbt({ command: 'run', select }, withoutCredits);
  await using later = openColdDbt(snowflake.place(undefined, withoutCredits));
  await file.run(later, { command: 'run', select });
  const sql = `select lower(table_name) as name from information_schema.tables
    where lower(table_name) in ('${tables.join("', '")}') order by name`;
  for (const warehouse of [file, snowflake])
    expect((await warehouse.query(sql)).map(({ name }) => name)).toEqual([
      'silver_movie_keywords',
      'silver_movie_releases',
    ]);
});
