import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Dbt } from '../../../transform/dbt/dbt.ts';
import { openWarmDbt } from '../../../transform/dbt/open-dbt.ts';
import { expiredDocument } from '../../../warehouse/expiry.ts';
import {
  expectedDaily,
  expectedHistory,
  expectedMovers,
  type Loaded,
  type Version,
} from '../../support/dbt/expected-history.ts';
import { gone, type MovieRecord, type Row, root, WarehouseFile } from '../../support/dbt/warehouse-file.ts';
import { recordings } from '../../support/tmdb/recordings.ts';

const models = [
  'silver_movie_observations',
  'silver_movie_history',
  'dim_movie_history',
  'fact_movie_daily',
  'kpi_movers',
];
const firstSecond = Date.parse('2026-01-01') / 1_000;

let file: WarehouseFile;
let dbt: Dbt;
beforeAll(async () => {
  file = await WarehouseFile.create();
  dbt = openWarmDbt(file.place());
});
afterAll(async () => {
  await dbt[Symbol.asyncDispose]();
  await file[Symbol.asyncDispose]();
});

/** Few movies, moments and values, so that repeats, ties, deletions and returns are frequent. The times are within 36 days. */
const answer: fc.Arbitrary<MovieRecord> = fc
  .record({
    movieId: fc.integer({ min: 1, max: 6 }),
    fetchedAt: fc.integer({ min: 0, max: 15 }).map((n) => n * n * 14_000),
    kind: fc.constantFrom('document', 'document', 'document', 'document', 'gone', 'no route'),
    title: fc.constantFrom('a', 'b', ''),
    status: fc.constantFrom('Released', 'Planned'),
    revenue: fc.constantFrom(0, 0, 7, 9),
    votes: fc.integer({ min: 0, max: 3 }),
    popularity: fc.constantFrom(0.5, 1.25, 7),
  })
  .map(({ movieId, fetchedAt, kind, title, status, revenue, votes, popularity }) => {
    if (kind === 'gone') return gone(movieId, fetchedAt);
    if (kind === 'no route') return { ...gone(movieId, fetchedAt), body: { message: kind } };
    const body = { id: movieId, title, status, revenue, release_date: '2020-02-02', vote_count: votes, popularity };
    return { movieId, fetchedAt, body };
  });

let loaded: Loaded[] = [];
async function load(seq: number, records: readonly MovieRecord[]): Promise<void> {
  await file.load(seq, records);
  loaded.push(...records.map((record, offset) => ({ ...record, seq, offset })));
}
const run = (fullRefresh = false) => file.run(dbt, { command: 'run', select: models, fullRefresh });

const secondsSince2026 = (value: unknown) => (value === null ? null : Date.parse(`${value}Z`) / 1_000 - firstSecond);
const numberOrNull = (value: unknown) => (value === null ? null : Number(value));
const dayOf = (value: unknown) => Math.floor((secondsSince2026(value) ?? 0) / 86_400);

function versionOf(row: Row): Version {
  const {
    movie_id,
    version_number,
    valid_from,
    valid_to,
    is_current,
    changed_columns,
    is_deleted,
    _run_seq,
    ...values
  } = row;
  expect(is_current).toBe(valid_to === null);
  const numbers = ['runtime_minutes', 'budget_usd', 'revenue_usd'];
  return {
    movieId: Number(movie_id),
    version: Number(version_number),
    from: secondsSince2026(valid_from) ?? -1,
    to: secondsSince2026(valid_to),
    isDeleted: is_deleted === true,
    values: Object.fromEntries(
      Object.entries(values).map(([column, value]) => [
        column,
        numbers.includes(column) ? numberOrNull(value) : value === null ? null : String(value),
      ]),
    ),
    changed: changed_columns === null ? null : String(changed_columns).split(' '),
  };
}

async function expectExpectedRows(): Promise<void> {
  const versions = await file.query('select * from silver.silver_movie_history order by movie_id, version_number');
  expect(versions.map(versionOf)).toEqual(expectedHistory(loaded));
  const daily = await file.query('select * from gold.fact_movie_daily order by movie_id, answered_on');
  expect(
    daily.map((row) => ({
      movieId: Number(row['movie_id']),
      day: dayOf(`${row['answered_on']} 00:00:00`),
      fetchedAt: secondsSince2026(row['answered_at']),
      votes: numberOrNull(row['vote_count']),
      popularity: numberOrNull(row['popularity']),
      revenue: numberOrNull(row['revenue_usd']),
    })),
  ).toEqual(expectedDaily(loaded));
}

async function expectExpectedMovers(spans: readonly number[]): Promise<void> {
  const features = await file.query('select movie_id from gold.fact_released_features');
  const ids = new Set(features.map((row) => Number(row['movie_id'])));
  for (const span of spans)
    for (const [column, value] of Object.entries({
      vote_count: 'votes',
      popularity: 'popularity',
      revenue_usd: 'revenue',
    } as const)) {
      const movers = await file.query(
        `select movie_id, gain from gold.kpi_movers where metric = '${column}' and span_days = ${span} order by rank`,
      );
      const found = movers.map((row) => ({ movieId: Number(row['movie_id']), gain: Number(row['gain']) }));
      expect(found).toEqual(expectedMovers(expectedDaily(loaded), value, span, ids));
    }
}

/** What a purge does to a batch: documents of answers from before `seconds` are replaced, and the batch has a new number. */
async function expire(seq: number, seconds: number): Promise<void> {
  const fetchedBefore = `fetched_at < timestamp '2026-01-01' + to_seconds(${seconds})`;
  await file.query(
    `update bronze.raw_movies set raw_data = '${expiredDocument}' where load_seq = ${seq} and ${fetchedBefore}`,
  );
  for (const table of ['raw_movies', 'load_batches'])
    await file.query(`update bronze.${table} set load_seq = ${seq + 100} where load_seq = ${seq}`);
  const expired = loaded.filter((record) => record.seq === seq && record.fetchedAt < seconds);
  expect(expired.length).toBeGreaterThan(0);
  loaded = loaded
    .filter((record) => !expired.includes(record))
    .map((record) => (record.seq === seq ? { ...record, seq: seq + 100 } : record));
}

/** The query of the page for analysts, with the moment of this test. */
async function expectMoviesAsOf(seconds: number): Promise<void> {
  const moment = new Date((firstSecond + seconds) * 1_000).toISOString().slice(0, 19).replace('T', ' ');
  const page = readFileSync(join(root, 'docs', 'reading-gold.md'), 'utf8');
  const sql = page
    .match(/```sql\n(select .*?dim_movie_history.*?)```/s)?.[1]
    ?.replaceAll(/'\d{4}-[^']*'/g, `'${moment}'`);
  const rows = await file.query(`select movie_id, status, revenue_usd from (${sql}) as movies order by movie_id`);
  const expected = expectedHistory(loaded)
    .filter(({ from, to, isDeleted }) => from <= seconds && (to === null || to > seconds) && !isDeleted)
    .map(({ movieId, values }) => ({ movieId, status: values['status'], revenue: values['revenue_usd'] }));
  expect(expected.length).toBeGreaterThan(1);
  const found = rows.map(({ movie_id, status, revenue_usd }) => ({
    movieId: Number(movie_id),
    status,
    revenue: numberOrNull(revenue_usd),
  }));
  expect(found).toEqual(expected);
}

it('[P30] history and daily values equal an independent computation after each batch, in any order of arrival', {
  timeout: 300_000,
}, async () => {
  const batches = fc.sample(fc.array(answer, { minLength: 1, maxLength: 25 }), { seed: 20_261_201, numRuns: 4 });
  const order = [5, 2, 9, 1];
  // Movie 6 is no released feature.
  await file.query(`create schema if not exists gold; create table gold.fact_released_features as
    select movie_id, 'key ' || movie_id as movie_sk, 'title' as title, 2020 as release_year from range(1, 6) as movies(movie_id)`);
  // The first value is a day before the span of seven days, which ends on the newest possible day.
  const rising = [28, 30, 36].map((day, votes): MovieRecord => {
    const body = { id: 5, title: 'rising', status: 'Released', vote_count: 10 * votes };
    return { movieId: 5, fetchedAt: day * 86_400 + 1, body };
  });
  for (const [index, records] of [[...rising, ...(batches[0] ?? [])], ...batches.slice(1)].entries()) {
    await load(order[index] ?? 0, records);
    expect(await run()).toMatchObject({ status: 'success' });
    await expectExpectedRows();
    await expectExpectedMovers([7, 30]);
  }
  await expectMoviesAsOf(5 * 5 * 14_000 + 1);
  for (const seq of order) await expire(seq, 8 * 8 * 14_000);
  expect(await run()).toMatchObject({ status: 'success' });
  await expectExpectedRows();
  const incremental = await file.query('select * from silver.silver_movie_observations order by all');
  await run(true);
  expect(await file.query('select * from silver.silver_movie_observations order by all')).toEqual(incremental);
  await expectExpectedRows();
});

const snapshot = (name: string): string[] =>
  gunzipSync(readFileSync(join(recordings, 'snapshots', `${name}.ndjson.gz`)))
    .toString()
    .trim()
    .split('\n');

const secondsOf = (day: string) => Date.parse(day) / 1_000 - firstSecond;
const hasSnapshots = existsSync(join(recordings, 'snapshots', '2019-12.ndjson.gz'));

it.skipIf(!hasSnapshots)(
  '[P30] history and movers of recordings six years apart equal an independent computation',
  { tags: ['full'], timeout: 600_000 },
  async () => {
    for (const table of ['raw_movies', 'load_batches']) await file.query(`delete from bronze.${table}`);
    loaded = [];
    const documents = (name: string, day: string) =>
      snapshot(name).map((text): MovieRecord => {
        const body = JSON.parse(text);
        return { movieId: body.id, body, fetchedAt: secondsOf(day) };
      });
    const newer = documents('2025-12-15a', '2025-12-15');
    const older = documents('2019-12', '2019-12-15');
    // The newer recording arrives first, and a part of it again with the older one.
    await load(101, newer);
    expect(await file.run(dbt, { command: 'run', fullRefresh: true })).toMatchObject({ status: 'success' });
    await load(102, [...older, ...newer.slice(0, 100), gone(newer[5]?.movieId ?? 0, secondsOf('2025-12-20'))]);
    await file.run(dbt, { command: 'run', vars: { mover_span_days: [7, 3_000] } });
    await expectExpectedRows();
    await expectExpectedMovers([7, 3_000]);
  },
);
