import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { PurgeLimits } from '../../warehouse/snowflake/expired-batches.ts';
import { openSnowflakePurge } from '../../warehouse/snowflake/purge.ts';
import { openSnowflakeRebuild } from '../../warehouse/snowflake/rebuild.ts';
import { openSnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { takeTransformLease } from '../../warehouse/snowflake/transform-lease.ts';
import { openSnowflakeWarehouse } from '../../warehouse/snowflake/warehouse.ts';
import { crashEnvironment, crashPointFlags, firedIn } from '../support/processes/crash-points.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { makeDatabase } from '../support/snowflake/fixture.ts';
import { batch, day, genres, type PurgeUnderTest, purgeContract } from '../support/warehouse/purge-contract.ts';

const purger = join(import.meta.dirname, '../support/warehouse/snowflake-purger.ts');

let emulator: SnowflakeEmulator;
let databases = 0;

beforeAll(async () => {
  // A killed process leaves its transaction open.
  emulator = await SnowflakeEmulator.start({ abortIdleBlockerSeconds: 2 });
});
afterAll(() => emulator[Symbol.asyncDispose]());

interface Fixture extends PurgeUnderTest {
  readonly options: Parameters<typeof openSnowflakePurge>[0];
}

async function openFixture(limits: PurgeLimits = {}): Promise<Fixture> {
  const settings = emulator.settings({ database: `PURGE_${++databases}` });
  await makeDatabase(settings);
  const options = { settings, clock: systemClock, stage: 'test' };
  const session = await openSnowflakeSession(options);
  await session.execute({ sql: 'create schema silver' });
  return {
    options,
    purge: openSnowflakePurge({ ...options, limits }),
    load: async (batches, to = 'bronze') => {
      await using warehouse = await (to === 'bronze' ? openSnowflakeWarehouse : openSnowflakeRebuild)(options);
      await warehouse.migrate();
      for (const one of batches) await warehouse.append([one]);
    },
    openRebuild: (retentionMs) => openSnowflakeRebuild({ ...options, retentionMs }),
    query: async (sql) => (await session.execute({ sql })).rows,
    documentSql: 'to_json(raw_data)',
    close: async () => session[Symbol.asyncDispose](),
  };
}

// The first test of the contract is in the fast tier.
const full = { tags: ['full'] };
purgeContract('Snowflake', () => openFixture(), full);

const offsetsSql = 'select kafka_offset from bronze.raw_movies where to_json(raw_data)';
const expired = `'{"tmdb_stream_expired":true}'`;

it(
  '[P25] a purge in Snowflake replaces few documents in a transaction, but at least one batch, and a loader loads meanwhile',
  full,
  async () => {
    const { purge, load, query, close } = await openFixture({ documentsAtOnce: 3, batchesPerSearch: 3 });
    await load([batch(0n, [1, 2]), batch(2n, [1]), batch(3n, [1, 1, 1, 1]), batch(7n, [2])]);
    const logged = (await emulator.statements()).length;
    expect(await purge.blankNext(day(5))).toBe(3);
    await load([batch(8n, [9])]);
    expect(await purge.blankNext(day(5))).toBe(4);
    expect(await purge.blankNext(day(5))).toBe(1);
    expect(await purge.blankNext(day(5))).toBe(0);
    const statements = (await emulator.statements()).slice(logged).map(({ sql }) => sql);
    // A search finds three batches: movies need two, genres one.
    expect(statements.filter((sql) => sql.includes('group by raw.load_seq'))).toHaveLength(3);
    const kept = await query(`${offsetsSql} <> ${expired}`);
    expect(kept.map(({ kafka_offset }) => Number(kafka_offset))).toEqual([8]);
    const numbers = await query(
      'select count(*) as lines, count(distinct load_seq) as numbers from bronze.load_batches',
    );
    expect(numbers.map((row) => [Number(row['lines']), Number(row['numbers'])])).toEqual([[5, 5]]);
    await close();
  },
);

it('[R150] a purge in Snowflake searches again if another process has changed its batches', full, async () => {
  const { options, purge, load, query, close } = await openFixture({ documentsAtOnce: 1 });
  await load([batch(0n, [1]), batch(1n, [2])]);
  expect(await purge.blankNext(day(5))).toBe(1);
  expect(await openSnowflakePurge(options).blankNext(day(5))).toBe(1);
  await load([batch(2n, [3])]);
  expect(await purge.blankNext(day(5))).toBe(1);
  expect(await purge.blankNext(day(5))).toBe(0);
  expect(await query(`${offsetsSql} <> ${expired}`)).toEqual([]);
  await close();
});

it('[P25] a purge in Snowflake reads the old rows before it takes the load lock', full, async () => {
  const { purge, load, close } = await openFixture();
  await load([batch(0n, [1, 2])]);
  const logged = (await emulator.statements()).length;
  await purge.blankNext(day(5));
  const statements = (await emulator.statements()).slice(logged).map(({ sql }) => sql);
  const locked = statements.findIndex((sql) => sql.includes('update bronze.load_lock'));
  const after = statements.slice(locked, statements.indexOf('commit', locked));
  expect(locked).toBeGreaterThan(0);
  // With the lock, each statement on raw_movies lists its batches.
  const unbounded = after.filter((sql) => sql.includes('raw_movies') && !sql.includes('from values'));
  expect(unbounded).toEqual([]);
  expect(after.filter((sql) => sql.includes('raw_movies'))).toHaveLength(2);
  await close();
});

it('[R151] a loader of Snowflake removes the folders of killed loads on its own machine', full, async () => {
  const { load, close } = await openFixture();
  const usual = process.env['TMPDIR'];
  const folder = mkdtempSync(join(tmpdir(), 'leftovers-'));
  const old = join(folder, 'tmdb-stream-load-old');
  try {
    process.env['TMPDIR'] = folder;
    mkdirSync(old);
    utimesSync(old, 0, 0);
    await load([batch(0n, [9])]);
    expect(existsSync(old)).toBe(false);
  } finally {
    if (usual === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = usual;
    rmSync(folder, { recursive: true });
  }
  await close();
});

it('[P25] a purge in Snowflake replaces nothing while dbt runs', full, async () => {
  const { options, load, query, close } = await openFixture();
  await load([batch(0n, [1])]);
  const lease = await takeTransformLease({ ...options, waitMs: 1_000 });
  const stop = new AbortController();
  const purge = openSnowflakePurge({ ...options, signal: stop.signal });
  const before = await leaseTries();
  const blanking = purge.blankNext(day(5));
  blanking.catch(() => {});
  await expect.poll(async () => (await leaseTries()) - before, { timeout: 60_000 }).toBeGreaterThan(2);
  expect(await query(`${offsetsSql} = ${expired}`)).toEqual([]);
  await lease[Symbol.asyncDispose]();
  expect(await blanking).toBe(1);
  await close();
});

it('[R151] the roles that may purge BRONZE in Snowflake may also purge an unfinished rebuild', full, async () => {
  const { options, openRebuild, load, query, close } = await openFixture();
  await load([batch(0n, [9])]);
  const role = `PURGER_${options.settings.database}`;
  await query(`create role ${role}`);
  for (const table of ['raw_movies', 'load_batches'])
    await query(`grant update on table bronze.${table} to role ${role}`);
  await query(`grant select on table bronze.raw_genres to role ${role}`);
  await using rebuild = await openRebuild(Number.POSITIVE_INFINITY);
  await rebuild.migrate();
  const grants = await query(`show grants to role ${role}`);
  const onRebuild = grants.filter(({ name }) => String(name).includes('REBUILD_'));
  expect(onRebuild.map(({ privilege, name }) => `${privilege} on ${String(name).split('.').at(-1)}`).sort()).toEqual([
    'UPDATE on REBUILD_LOAD_BATCHES',
    'UPDATE on REBUILD_RAW_MOVIES',
  ]);
  await close();
});

it('[R151] a purge in Snowflake removes what interrupted loads have left, by its age', full, async () => {
  const { options, purge, load, query, close } = await openFixture();
  expect(await purge.removeLeftovers()).toBe(0);
  await load([batch(0n, [9])]);
  const folder = mkdtempSync(join(tmpdir(), 'leftovers-'));
  writeFileSync(join(folder, 'a.ndjson.gz'), 'documents');
  await query(`put 'file://${folder}/a.ndjson.gz' @bronze.load_files auto_compress = false`);
  await query(`insert into bronze.load_lines select parse_json('{"file":"b"}')`);
  expect(await purge.removeLeftovers()).toBe(1);
  expect(await query('select * from bronze.load_lines')).toEqual([]);
  expect(await query('list @bronze.load_files')).toMatchObject([{ name: 'load_files/a.ndjson.gz' }]);
  expect(await openSnowflakePurge({ ...options, leftoverMs: -2_000 }).removeLeftovers()).toBe(1);
  expect(await query('list @bronze.load_files')).toEqual([]);
  rmSync(folder, { recursive: true });
  await close();
});

it.each(['a stop', 'the loss of its lease'])(
  '[R150] a purge in Snowflake commits nothing after %s',
  full,
  async (what) => {
    const { options, load, query, close } = await openFixture();
    await load([batch(0n, [1])]);
    const stop = new AbortController();
    // Renews its lease, and so notices the loss, while it waits for the load lock.
    const clock: Clock = {
      now: () => systemClock.now(),
      monotonic: () => systemClock.monotonic(),
      sleep: (ms, signal) => systemClock.sleep(ms === 20_000 && what !== 'a stop' ? 200 : ms, signal),
    };
    // Not the time between two renewals of the lease.
    const settings = { ...options.settings, timeoutMs: 21_000 };
    const purge = openSnowflakePurge({ ...options, settings, clock, signal: stop.signal });
    await using loader = await openSnowflakeSession(options);
    await loader.execute({ sql: 'begin' });
    await loader.execute({ sql: 'update bronze.load_lock set taken_at = sysdate()' });
    const begun = (await emulator.statements()).length;
    const blanking = purge.blankNext(day(5));
    blanking.catch(() => {});
    // Snowflake would end an idle transaction that blocks another one.
    const whileLocked = (isDone: () => Promise<boolean>) =>
      expect.poll(() => loader.execute({ sql: 'select 1 as one' }).then(isDone), { timeout: 20_000 }).toBe(true);
    const leasesFrom = async (logged: number) =>
      (await emulator.statements()).slice(logged).filter(({ sql }) => sql.includes('leased_until = dateadd')).length;
    await whileLocked(async () => (await leasesFrom(begun)) > 0);
    if (what === 'a stop') {
      stop.abort(new Error('stopped'));
    } else {
      await query(`update silver.transform_lease set holder = 'another'`);
      const taken = (await emulator.statements()).length;
      await whileLocked(async () => (await leasesFrom(taken)) > 0);
    }
    await loader.execute({ sql: 'commit' });
    await expect(blanking).rejects.toThrow(what === 'a stop' ? 'stopped' : 'took over the transform lease');
    expect(await query(`${offsetsSql} = ${expired}`)).toEqual([]);
    await close();
  },
);

/** How often the processes of this file checked who holds the transform lease. */
const leaseTries = async () =>
  (await emulator.statements()).filter(({ sql }) => sql.includes('as left_ms from silver.transform_lease')).length;

/** A purge of this database has two transactions, one for each table. */
const points = [
  { point: 'snowflake.purge-searched', hit: 1 },
  { point: 'transform.lease-taken', hit: 1 },
  { point: 'snowflake.purge-locked', hit: 1 },
  { point: 'snowflake.purge-blanked', hit: 1 },
  { point: 'snowflake.purge-renumbered', hit: 1 },
  { point: 'snowflake.purged', hit: 1 },
  { point: 'snowflake.purge-committed', hit: 1 },
  { point: 'snowflake.purge-blanked', hit: 2 },
  { point: 'snowflake.purged', hit: 2 },
  { point: 'snowflake.purge-finishing', hit: 1 },
];

it.each(points)(
  '[R150] a purge in Snowflake that is killed at $point ($hit) is completed by the next one',
  full,
  async (point) => {
    const { options, load, query, close } = await openFixture();
    await load([batch(0n, [1, 9]), genres]);
    const folder = mkdtempSync(join(tmpdir(), 'snowflake-purge-'));
    const log = join(folder, 'log');
    const purge = (env: Record<string, string> = {}) =>
      promisify(execFile)(
        process.execPath,
        [...crashPointFlags(env), purger, emulator.url, options.settings.database, String(day(5).getTime())],
        { env: { ...process.env, ...env } },
      );
    const killed = purge(crashEnvironment('CRASH_AT', point, log));
    await expect(killed).rejects.toMatchObject({ signal: 'SIGKILL' });
    expect(firedIn(log)).toEqual([`CRASH_AT ${point.point}:${point.hit}`]);
    await purge();
    const blank = await query(`${offsetsSql} = ${expired} union all
    select kafka_offset from bronze.raw_genres where to_json(raw_data) = ${expired}`);
    expect(blank.map(({ kafka_offset }) => Number(kafka_offset))).toEqual([0, 0]);
    const lines = await query('select load_seq, row_count from bronze.load_batches order by load_seq');
    expect(lines.map((line) => [line['load_seq'], line['row_count']].map(Number))).toEqual([
      [3, 2],
      [4, 1],
    ]);
    expect(await query('select 1 as one from bronze.purges where finished_at is null')).toEqual([]);
    rmSync(folder, { recursive: true });
    await close();
  },
);
