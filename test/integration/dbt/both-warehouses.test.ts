import { generateKeyPairSync } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Secret } from '../../../runtime/secret.ts';
import type { Dbt, DbtRun } from '../../../transform/dbt/dbt.ts';
import type { SourceFreshness } from '../../../transform/dbt/freshness.ts';
import { openColdDbt, openWarmDbt } from '../../../transform/dbt/open-dbt.ts';
import type { DbtSummary } from '../../../transform/dbt/run-results.ts';
import { lastRunReportSql, transformState } from '../../../transform/state.ts';
import { inventedMovies } from '../../support/dbt/invented-movies.ts';
import { type Movie, manyDocuments, strangeDocuments } from '../../support/dbt/many-documents.ts';
import { oddDocuments } from '../../support/dbt/odd-documents.ts';
import { type Contents, contentsOf, expectSame } from '../../support/dbt/same-tables.ts';
import { SnowflakeTables, token } from '../../support/dbt/snowflake-tables.ts';
import {
  buildOrRun,
  derivedRelations,
  derivedTables,
  gone,
  type MovieRecord,
  WarehouseFile,
} from '../../support/dbt/warehouse-file.ts';
import { wrongTypes } from '../../support/dbt/wrong-types.ts';
import { isLongForm, leavesOutFull } from '../../tiers.ts';

// One BRONZE in two warehouses, built before the tests. Each test adds to what is there, and none needs another one.
/** The documents are from January 2026, and their shapes are never too old. */
const vars = { project_fingerprint: 'f', drift_memory_days: 36_500 };
const movies = manyDocuments();
const at = (fetchedAt: number, body: Movie): MovieRecord => ({ movieId: body.id, body, fetchedAt });
/** Unusual documents. Their ids are far from TMDb's, so that they differ from those of the recorded movies. */
const odd = [
  ...oddDocuments.map((record) => ({ ...record, movieId: record.movieId + 900_000_000 })),
  ...strangeDocuments(910_000_000),
  ...wrongTypes(920_000_000).map(({ record }) => record),
  ...inventedMovies(930_000_000, isLongForm ? 400 : 100, 20_261_201),
];

const day = 86_400;
/** Ten years ahead of the loader, in seconds since the start of 2026. */
const inTenYears = 10 * 365 * day;

/** An answer for each of these movies on a later day, with other figures. Odd ids rise, even ids fall. */
const onDay = (days: number, some: readonly Movie[]): MovieRecord[] =>
  some.map((movie) => {
    const grown = (movie.id % 2 === 0 ? -1 : 1) * days;
    const figures = { vote_count: 5_000 + grown * 10, popularity: 50 + grown / 4, revenue: 2_000_000 + grown * 1_000 };
    return at(100 + days * day, { ...movie, ...figures });
  });

const oldResult = `insert into silver.dbt_results
  values ('old', 'model.x', 'x', 'model', 'success', 1, null, null, '2026-01-01 00:00:00')`;

let file: WarehouseFile;
let snowflake: SnowflakeTables;
let onDuckDb: Dbt;
let onSnowflake: Dbt;
let first: Built;
let last: Contents;
let lastCommand: 'build' | 'run';
beforeAll(async () => {
  [file, snowflake] = await Promise.all([WarehouseFile.create(), SnowflakeTables.create()]);
  onDuckDb = openWarmDbt(file.place());
  onSnowflake = openWarmDbt(snowflake.place());
  await loadFirst();
  first = await runBoth(buildOrRun);
  last = await contentsOf(snowflake);
}, 600_000);
afterAll(async () => {
  for (const resource of [onDuckDb, onSnowflake, file, snowflake]) await resource?.[Symbol.asyncDispose]();
});

const build = (dbt: Dbt, options: Partial<DbtRun> = {}) => file.run(dbt, { vars, ...options });
const both = () => [file, snowflake].map((warehouse) => ({ query: (sql: string) => warehouse.query(sql) }));

interface Built {
  readonly onDuckDb: DbtSummary;
  readonly onSnowflake: DbtSummary;
}

/** Runs dbt on both warehouses. */
async function runBoth(command: 'build' | 'run'): Promise<Built> {
  await snowflake.catchUpWith(file);
  const [expected, actual] = await Promise.all([build(onDuckDb, { command }), build(onSnowflake, { command })]);
  lastCommand = command;
  return { onDuckDb: expected, onSnowflake: actual };
}

/** Builds on both warehouses, and expects the same outcome and the same tables. */
async function buildBoth(): Promise<void> {
  await expectSameOutcome(await runBoth('build'));
}

async function expectSameOutcome(built: Built): Promise<void> {
  const { status, models, tests } = built.onDuckDb;
  expect(built.onSnowflake).toMatchObject({ status, models, tests });
  last = await contentsOf(snowflake);
  expectSame(last, await contentsOf(file));
}

async function loadFirst(): Promise<void> {
  await file.load(
    10,
    // The tests with the tag `full` continue from all of them.
    movies.slice(0, leavesOutFull ? 100 : 950).map((movie) => at(100, movie)),
  );
  await file.load(11, [
    ...odd,
    gone(900_001_000, 100),
    // The invented movies end on day 20, so these days are within a week of the newest one.
    ...onDay(14, movies.slice(0, 20)),
    ...onDay(19, movies.slice(0, 20)),
  ]);
  await file.loadGenres(12, [
    {
      language: 'en',
      body: {
        genres: [
          { id: 18, name: 'Drama' },
          { id: 99, name: null },
        ],
      },
      fetchedAt: 0,
    },
    { language: 'en', body: { genres: { id: 18 } }, fetchedAt: 1 },
    { language: 'fr', body: { genres: [{ id: 18, name: 'Drame' }] }, fetchedAt: 9 },
    { language: 'en', body: { genres: [{ id: 18, name: 'of the future' }] }, fetchedAt: inTenYears },
  ]);
}

/** How many movers each metric and span has, and how many differences of documents are recent and old. */
async function moversAndDrift(): Promise<Record<string, number>> {
  const rows = await snowflake.query(
    `select metric || ' in ' || span_days as what, count(*) as n from gold.kpi_movers group by all
     union all
     select case when is_recent then 'recent drift' else 'old drift' end, count(*) from silver.silver_drift group by all`,
  );
  return Object.fromEntries(rows.map((row) => [String(row['what']), Number(row['n'])]));
}

it('[P12 R90] build the same tables by a first build', async () => {
  await expectSameOutcome(first);
  const { models, tests } = first.onDuckDb;
  expect(models).toBe(derivedRelations.length);
  if (buildOrRun === 'build') expect(tests.warned).toBe(2);
  expect(await moversAndDrift()).toMatchObject({
    'vote_count in 7': expect.any(Number),
    'vote_count in 30': expect.any(Number),
    'recent drift': expect.any(Number),
  });
});

it('[R180] tell how long movies take from their request to GOLD, by the query of the runbook', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/runbook.md'), 'utf8');
  const [, sql = ''] = /## Latency.*?```sql\n(.*?)```/s.exec(page) ?? [];
  const [expected, actual] = await Promise.all(
    both().map(async ({ query }) => {
      await query(`update bronze.raw_movies set reason = 'aged', requested_at = fetched_at - interval '60 seconds'`);
      // In the short form of this test, dbt runs the models only.
      await query('update silver.dbt_runs set is_complete = true');
      const rows = await query(sql.replaceAll(/timestamp '.*?'/g, `timestamp '2025-12-31 00:00:00'`));
      return rows.map((row) => Object.values(row).map((value) => (value === 'aged' ? value : Number(value))));
    }),
  );
  expect(expected).toEqual([
    ['aged', expect.any(Number), 60, ...Array.from({ length: 4 }, () => expect.any(Number)), 0],
  ]);
  expect(actual?.[0]?.slice(0, 4)).toEqual(expected?.[0]?.slice(0, 4));
  for (const found of [expected, actual])
    expect(found?.[0]?.slice(4, 7).every((seconds) => Number(seconds) > 0)).toBe(true);
});

it('[P12 R80] build the same tables from new, late, repeated and deleted records, and from impossible times', {
  tags: ['full'],
}, async () => {
  const ids = (from: number, to: number) => movies.slice(from, to).map(({ id }) => id);
  const renamed = [{ id: 33, name: 'Universal as of 200', origin_country: '' }];
  await file.load(3, [
    // Committed late, under a lower number.
    ...movies.slice(100, 200).map((movie) => at(50, { ...movie, title: 'late' })),
    ...ids(340, 350).map((id) => gone(id, 50)),
  ]);
  await file.load(13, [
    ...movies.slice(950).map((movie) => at(200, movie)),
    ...movies.slice(0, 100).map((movie) => at(100, movie)),
    ...movies.slice(200, 300).map((movie) => at(200, { ...movie, revenue: 12_345, production_companies: renamed })),
    ...movies.slice(300, 320).map((movie) => at(200, { ...movie, genres: [], production_companies: [] })),
    ...ids(320, 340).map((id) => gone(id, 200)),
    ...ids(350, 360).map((id) => ({ ...gone(id, 200), body: { message: 'no route' } })),
    at(200, { id: 900_001_000, title: 'back' }),
    // These records are impossible.
    ...movies.slice(400, 450).map((movie) => at(inTenYears, { ...movie, title: 'of the future' })),
    ...ids(450, 470).map((id) => gone(id, inTenYears)),
    at(inTenYears, { id: 900_002_000, title: 'of the future' }),
    at(200, { id: -7, title: 'of no movie' }),
  ]);
  await buildBoth();
  for (const { query } of both()) {
    const [found] = await query(
      `select count(*) as n from silver.silver_movies where title = 'of the future' or movie_id < 1`,
    );
    const [genre] = await query('select genre_name from silver.silver_genres where genre_id = 18');
    expect({ found: Number(found?.['n']), genre: genre?.['genre_name'] }).toEqual({ found: 0, genre: 'Drama' });
  }
  const [counts] = await snowflake.query(
    'select count(*) as n, count_if(is_deleted) as gone from silver.silver_movies',
  );
  expect([counts?.['n'], counts?.['gone']].map(Number)).toEqual([movies.length + odd.length + 1, 20]);
});

it('[P12] build the same movers and drift from answers on later days, and from one that is late', {
  tags: ['full'],
}, async () => {
  const withNewKey = (record: MovieRecord): MovieRecord => ({
    ...record,
    body: { ...(record.body as Movie), revenue_currency: 'USD', status: 'Delayed' },
  });
  await file.load(14, onDay(24, movies.slice(0, 60)));
  await file.load(15, onDay(30, movies.slice(20, 80)).map(withNewKey));
  await file.load(16, onDay(38, movies.slice(10, 90)));
  await buildBoth();
  const before = await moversAndDrift();
  expect(before).toMatchObject({ 'vote_count in 30': expect.any(Number), 'old drift': expect.any(Number) });
  expect(before).not.toHaveProperty('vote_count in 7');
  const [newKey] = await snowflake.query(
    `select is_recent from silver.silver_drift where path = 'revenue_currency' and kind = 'new key'`,
  );
  expect(newKey).toEqual({ is_recent: false });
  // The day of an answer that is late becomes the first one of the span of 7 days, and of the new key the last one.
  await file.load(9, [
    ...onDay(33, movies.slice(50, 90)).map(withNewKey),
    ...movies.slice(10, 15).map(({ id }) => gone(id, 100 + 37 * day)),
    ...movies.slice(15, 18).map(({ id }) => gone(id, 100 + 39 * day)),
  ]);
  await buildBoth();
  const after = { 'vote_count in 7': expect.any(Number), 'recent drift': expect.any(Number) };
  expect(await moversAndDrift()).toMatchObject(after);
});

it('change nothing when nothing is new, and delete the same old runs', { tags: ['full'] }, async () => {
  const before = last;
  for (const { query } of both()) await query(oldResult);
  await buildBoth();
  expectSame(last, before);
  for (const { query } of both()) {
    const [left] = await query(`select count(*) as n from silver.dbt_results where invocation_id = 'old'`);
    expect(Number(left?.['n'])).toBe(0);
    expect(await transformState(query, 'f')).toEqual({
      due: false,
      reason: 'up to date',
      fullRefresh: false,
      waiting: 0,
    });
    const [report] = await query(lastRunReportSql);
    const [sealed] = await query('select max(run_seq) as run_seq from silver.sealed_batches');
    expect(report).toMatchObject({ command: 'build', status: 'success' });
    expect([report?.['models'], report?.['run_seq'], report?.['tests_warned']].map(Number)).toEqual([
      derivedRelations.length,
      Number(sealed?.['run_seq']),
      2,
    ]);
  }
});

it('[R62] build the same tables by a full refresh', { tags: ['full'] }, async () => {
  await build(onSnowflake, { fullRefresh: true });
  expectSame(await contentsOf(snowflake), last);
});

it('pass their unit tests', { tags: ['full'], timeout: 480_000 }, async () => {
  const unitTests = { command: 'test', unitTests: true, select: ['test_type:unit'] } as const;
  const [expected, actual] = await Promise.all([onDuckDb, onSnowflake].map((dbt) => build(dbt, unitTests)));
  expect(expected?.tests.passed).toBeGreaterThan(10);
  expect(actual?.tests).toEqual(expected?.tests);
});

it('report the same freshness', async () => {
  const signal = new AbortController().signal;
  const [[expected], [actual]] = (await Promise.all(
    [onDuckDb, onSnowflake].map((dbt) => dbt.freshness({ vars, signal })),
  )) as [readonly SourceFreshness[], readonly SourceFreshness[]];
  expect(actual).toMatchObject({ source: 'bronze.load_batches', status: expected?.status });
  expect(Math.abs((actual?.ageSeconds ?? 0) - (expected?.ageSeconds ?? 0))).toBeLessThan(60);
});

it('use only the provisioned schemas and grants, and transient tables on Snowflake', async () => {
  const tables = await snowflake.query(
    `select table_schema as in_schema, count(*) as n from information_schema.tables
     where table_type = 'BASE TABLE' group by table_schema order by table_schema`,
  );
  expect(tables.map(({ in_schema }) => in_schema)).toEqual(['BRONZE', 'GOLD', 'SILVER']);
  const statements = (await snowflake.emulator.statements()).filter(({ sql }) => sql.includes('"app": "dbt"'));
  const matches = (pattern: RegExp) => [
    ...new Set(statements.flatMap(({ sql }) => pattern.exec(sql.replaceAll(/\s+/g, ' '))?.[1]?.toLowerCase() ?? [])),
  ];
  expect(matches(/create or replace transient table \w+\.(\w+\.\w+)/i).sort()).toEqual([...derivedTables].sort());
  expect(matches(/create or replace table (\S+)/i)).toEqual([]);
  expect(matches(/create schema (.*)/i)).toEqual([]);
  expect(matches(/grant select on \w+\.(\w+\.\w+) to analyst_role/i).sort()).toEqual(
    derivedRelations.filter((relation) => relation.startsWith('gold.')).sort(),
  );
  expect(new Set(statements.map(({ tag }) => tag))).toEqual(new Set(['{"app":"tmdb-stream","stage":"transform"}']));
});

it('seal batches one at a time: on Snowflake, a row is locked until the seal is committed', async () => {
  const statements = (await snowflake.emulator.statements()).filter(({ tag }) => tag?.includes('"transform"'));
  const seals = statements.filter(({ sql }) => /insert into \S*sealed_batches/i.test(sql));
  expect(seals.length).toBeGreaterThan(0);
  for (const seal of seals) {
    const ofSession = statements.filter(({ session }) => session === seal.session);
    const at = ofSession.indexOf(seal);
    const words = (sql = '') =>
      sql
        .replaceAll(/\/\*.*?\*\/|;/gs, '')
        .trim()
        .split(/\s+/, 2)
        .join(' ')
        .toLowerCase();
    const around = [-2, -1, 1].map((offset) => words(ofSession[at + offset]?.sql));
    expect(around).toEqual(['begin', expect.stringMatching(/^update \S*seal_lock$/), 'commit']);
  }
});

/** What GOLD on Snowflake says about itself, and the end (ms since the epoch) of the last complete build that succeeded. */
async function goldState() {
  const [row] = await snowflake.query(
    'select started_seq - finished_seq as open, started_seq = partial_seq as is_partial, finished_ms from gold.build_state',
  );
  return {
    isWhole: Number(row?.['open']) === 0,
    isPartial: row?.['is_partial'] === true,
    finishedMs: Number(row?.['finished_ms']),
  };
}

it('[P22 R159] say on Snowflake that GOLD is whole after a complete build that succeeded, and not after a run', async () => {
  const { isWhole, isPartial, finishedMs } = await goldState();
  const isBuild = lastCommand === 'build';
  expect({ isWhole, isPartial }).toEqual({ isWhole: isBuild, isPartial: !isBuild });
  if (isBuild) expect(Math.abs(finishedMs - Date.now())).toBeLessThan(3_600_000);
});

it('[P22 R159] say on Snowflake that GOLD is not whole from a run that failed until a complete build that succeeded', {
  tags: ['full'],
}, async () => {
  const { finishedMs } = await goldState();
  const select = ['kpi_top_movies'];
  const failing = build(onSnowflake, { command: 'run', select, vars: { ...vars, top_movies: 'no number' } });
  await expect(failing).rejects.toThrow('kpi_top_movies');
  const failed = { isWhole: false, isPartial: false, finishedMs };
  expect(await goldState()).toEqual(failed);
  // It changes no model of GOLD.
  await build(onSnowflake, { command: 'run', select: ['silver_genres'] });
  expect(await goldState()).toEqual(failed);
  await build(onSnowflake, { command: 'run', select });
  expect(await goldState()).toEqual({ ...failed, isPartial: true });
  await build(onSnowflake);
  const last = await goldState();
  expect(last.isWhole).toBe(true);
  expect(last.finishedMs).toBeGreaterThan(finishedMs);
});

it('log in by token or by key, and reveal neither', { tags: ['full'] }, async () => {
  const passphrase = 'passphrase-of-the-tests';
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
  });
  const byKey = snowflake.place({
    kind: 'key pair',
    privateKey: new Secret(privateKey),
    passphrase: new Secret(passphrase),
  });
  expect(byKey.env).not.toHaveProperty('DBT_ENV_SECRET_SNOWFLAKE_TOKEN');
  await using dbt = openColdDbt(byKey);
  expect(await dbt.freshness({ vars, signal: new AbortController().signal })).toHaveLength(1);

  const kept = (await readdir(byKey.workDir, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  const texts = await Promise.all(kept.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')));
  const secrets = [token, passphrase, byKey.env['DBT_ENV_SECRET_SNOWFLAKE_PRIVATE_KEY']?.slice(100, 160) ?? ''];
  expect(texts.length).toBeGreaterThan(0);
  for (const text of [...texts, await readFile(snowflake.emulator.sqlLog, 'utf8')]) {
    for (const secret of secrets) expect(text.includes(secret)).toBe(false);
  }
});
