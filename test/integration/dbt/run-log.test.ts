import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Dbt } from '../../../transform/dbt/dbt.ts';
import { DbtError } from '../../../transform/dbt/dbt-error.ts';
import { openWarmDbt } from '../../../transform/dbt/open-dbt.ts';
import { transformState } from '../../../transform/state.ts';
import { gone, movie, WarehouseFile } from '../../support/dbt/warehouse-file.ts';
import { casesOf, leavesOutFull } from '../../tiers.ts';

// The records that dbt keeps of its runs, and their use by later runs. All of it is in the project, so one way to run dbt is enough.
const vars = { project_fingerprint: 'f' };

/** Movie 1 is loaded and built. Each test continues with a copy of it. */
let template: WarehouseFile;
beforeAll(async () => {
  template = await WarehouseFile.create();
  await template.load(1, [movie(1)]);
  await template.dbt({ vars, ...(leavesOutFull && { command: 'run', select: ['stg_movies', 'silver_movies'] }) });
});
afterAll(() => template[Symbol.asyncDispose]());

let file: WarehouseFile;
let dbt: Dbt;
beforeEach(async () => {
  file = await template.copy();
  dbt = openWarmDbt(file.place());
});
afterEach(async () => {
  await dbt[Symbol.asyncDispose]();
  await file[Symbol.asyncDispose]();
});

const build = () => file.run(dbt, { vars });
const failureOf = async (run: Promise<unknown>): Promise<DbtError> => {
  const error = await run.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DbtError);
  return error as DbtError;
};

/** A build that also has movie 2 fails, and its cause is then repaired. */
async function failABuild(): Promise<void> {
  await file.load(2, [movie(2)]);
  await file.query('alter table bronze.raw_genres rename to away');
  await failureOf(build());
  await file.query('alter table bronze.away rename to raw_genres');
}

it('skips no test of a changed movie because of a retry', { tags: ['full'] }, async () => {
  await failABuild();
  await file.run(dbt, { command: 'retry', vars });
  // A fault of movie 2 that a test would find. The last complete build that succeeded did not include the movie.
  await file.query("update gold.bridge_movie_genres set genre_sk = 'none' where movie_id = 2");
  await file.load(3, [movie(3)]);
  const { summary } = await failureOf(build());
  expect(summary?.failures.map(({ name }) => name).join()).toMatch(/bridges_point_to_members/);
});

it('refuses to run silver_movies without stg_movies, and then loses no movie', async () => {
  await file.load(2, [movie(2), gone(1, 9)]);
  for (const select of casesOf([['silver_movies'], ['silver_movies+'], ['silver']], [0, 2])) {
    const { message } = await failureOf(file.run(dbt, { command: 'run', vars, select }));
    expect(message).toContain('silver_movies cannot run without stg_movies');
  }
  await file.run(dbt, { command: 'run', vars, select: ['stg_movies', 'silver_movies'] });
  expect(await file.query('select movie_id, is_deleted from silver.silver_movies order by 1')).toEqual([
    { movie_id: '1', is_deleted: true },
    { movie_id: '2', is_deleted: false },
  ]);
});

it('does not take a run under a clock that was ahead for the last run until then', async () => {
  const ahead = (column: string, days: number) => `${column} = ${column} + interval ${days} day`;
  const [{ id: old } = {}] = await file.query('select invocation_id as id from silver.dbt_runs');
  await file.query(`update silver.dbt_runs set ${ahead('started_at', 3_000)}, ${ahead('finished_at', 3_000)}`);
  await file.query(`insert into silver.dbt_runs select * replace (
    'later' as invocation_id, started_at + interval 1 day as started_at, finished_at + interval 1 day as finished_at
  ) from silver.dbt_runs`);
  await file.run(dbt, { command: 'run', vars, select: ['stg_movies'] });
  const [{ id: last } = {}] = await file.query('select max_by(invocation_id, finished_at) as id from silver.dbt_runs');
  const late = 'select count(*) as n from silver.dbt_runs where greatest(started_at, finished_at) > now()::timestamp';
  expect(await file.query(late)).toEqual([{ n: '0' }]);
  const ids = await file.query('select invocation_id as id from silver.dbt_runs order by finished_at');
  expect(ids.map(({ id }) => id)).toEqual([old, 'later', last]);
  // Also while the new run is running, when its two times are equal.
  const [{ n: before } = {}] = await file.query(
    `select count(*) as n from silver.dbt_runs where finished_at < (select max(started_at) from silver.dbt_runs)`,
  );
  expect(before).toBe('2');
});

it('[P11] loses no answer of a loader whose clock is ahead of that of dbt', { timeout: 300_000 }, async () => {
  const select = ['stg_movies', 'silver_movies'];
  const run = (more = {}) => file.run(dbt, { command: 'run', vars, select, ...more });
  const movies = async () => (await file.query('select movie_id from silver.silver_movies')).length;
  const shift = (hours: number) =>
    file.query(`update bronze.raw_movies set fetched_at = fetched_at + interval (${hours}) hour,
      ingested_at = ingested_at + interval (${hours}) hour where load_seq = 2`);
  await file.load(2, [movie(2)]);
  await file.query(
    `update bronze.raw_movies set fetched_at = now()::timestamp, ingested_at = now()::timestamp where load_seq = 2`,
  );
  await shift(3);
  await run();
  expect(await movies()).toBe(1);
  // The time comes.
  await shift(-3);
  await run();
  expect(await movies()).toBe(2);
  // By a clock that is behind again, a build would take it out of SILVER.
  await shift(3);
  await file.query(`update silver.silver_movies set _fetched_at = _fetched_at + interval 3 hour where movie_id = 2`);
  const state = await transformState((sql) => file.query(sql), 'f');
  // The small template has never been built as a whole.
  if (!leavesOutFull) expect(state).toEqual({ due: false, reason: 'clock behind', fullRefresh: false, waiting: 1 });
});

it('is due after a failed build, even if a later run of some models succeeds', { tags: ['full'] }, async () => {
  await failABuild();
  await file.run(dbt, { command: 'run', vars, select: ['dim_dates'] });
  const state = await transformState((sql) => file.query(sql), 'f');
  expect(state).toMatchObject({ due: true, reason: 'last run failed' });
});

it('names the column whose key is missing or duplicate', { tags: ['full'] }, async () => {
  const brokenBy = async (sql: string) => {
    await file.query(sql);
    const { summary } = await failureOf(file.run(dbt, { command: 'test', vars, select: ['silver_genres'] }));
    return summary?.failures.map(({ name }) => name.split('.')[0]);
  };
  const genre = 'insert into silver.silver_genres (genre_id, genre_name, is_listed) values';
  expect(await brokenBy(`${genre} (18, 'again', false)`)).toContain('unique_silver_genres_genre_id');
  await file.query(`delete from silver.silver_genres where genre_name = 'again'`);
  expect(await brokenBy(`${genre} (null, 'none', false)`)).toContain('not_null_silver_genres_genre_id');
});

it('deletes old runs, except those that later runs depend on', { tags: ['full'] }, async () => {
  const insertCopy = (table: string) =>
    file.query(`insert into silver.${table} select * replace ('old' as invocation_id) from silver.${table}`);
  const age = async (which: string, days: number) => {
    const ago = (column: string) => `${column} = ${column} - interval ${days} day`;
    await file.query(`update silver.dbt_runs set ${ago('started_at')}, ${ago('finished_at')} where ${which}`);
    await file.query(`update silver.dbt_results set ${ago('finished_at')} where ${which}`);
  };
  const remembered = async () =>
    (
      await file.query(`
        select status, finished_at < now() - interval 1 day as is_old, exists (
          from silver.dbt_results as results where results.invocation_id = runs.invocation_id
        ) as has_results
        from silver.dbt_runs as runs order by finished_at`)
    ).map(({ status, is_old, has_results }) => [status, is_old ? 'old' : 'new', has_results ? 'results' : '']);

  await insertCopy('dbt_runs');
  await insertCopy('dbt_results');
  await age(`invocation_id = 'old'`, 100);
  await age(`invocation_id <> 'old'`, 30);
  await file.query('alter table bronze.raw_genres rename to away');
  await failureOf(build());
  // The last success is old too, but the next run depends on it.
  expect(await remembered()).toEqual([
    ['success', 'old', 'results'],
    ['failed', 'new', 'results'],
  ]);
  expect(await transformState((sql) => file.query(sql), 'f')).toMatchObject({ due: true, reason: 'last run failed' });

  await file.query('alter table bronze.away rename to raw_genres');
  await build();
  expect(await remembered()).toEqual([
    ['success', 'old', 'results'],
    ['failed', 'new', 'results'],
    ['success', 'new', 'results'],
  ]);
  await file.run(dbt, { command: 'test', vars, select: ['silver_genres'] });
  expect((await remembered()).map(([, age]) => age)).toEqual(['new', 'new', 'new']);
  expect(await file.query(`select count(*) as n from silver.dbt_results where invocation_id = 'old'`)).toEqual([
    { n: '0' },
  ]);
  expect(await transformState((sql) => file.query(sql), 'f')).toMatchObject({ due: false });
});
