import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { DbtRun } from '../../transform/dbt/dbt.ts';
import { OneCommandAtATime } from '../../transform/dbt/one-command-at-a-time.ts';
import type { Runner } from '../../transform/dbt/runner.ts';
import { transformState } from '../../transform/state.ts';
import { openDuckDbRunLog } from '../../warehouse/duckdb/run-log.ts';
import type { RunLogTables } from '../../warehouse/system.ts';
import { WarehouseUnavailableError } from '../../warehouse/warehouse.ts';
import { runSql } from '../support/warehouse/warehouse-contents.ts';

// The outcome that our process writes, however dbt ends. `integration/dbt` shows the same with the real dbt.

let dir: string;
let path: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'run-log-'));
  path = join(dir, 'warehouse.duckdb');
  // As the hook of dbt/macros/run_log.sql creates them.
  await runSql(
    path,
    `create schema silver;
     create table silver.sealed_batches (load_seq bigint, batch_id varchar, run_seq bigint);
     insert into silver.sealed_batches values (1, 'b', 7);
     create table silver.dbt_runs (invocation_id varchar, command varchar, is_complete boolean, is_full_refresh boolean,
       status varchar, models_status varchar, run_seq bigint, project_fingerprint varchar, started_at timestamp, finished_at timestamp);
     create table silver.dbt_results (invocation_id varchar, node_id varchar, node_name varchar, resource_type varchar,
       status varchar, seconds double, rows_affected bigint, failures bigint, finished_at timestamp)`,
  );
});
afterEach(() => rmSync(dir, { recursive: true }));

const log = () => openDuckDbRunLog({ path, lockWaitMs: 0, clock: systemClock });
const read = async (sql: string) => {
  await using tables = await log();
  return await tables.query(sql);
};

/** What a dbt does: whether its hook writes a row, which results it leaves, and how it ends. */
interface Script {
  readonly begins?: boolean;
  readonly results?: readonly object[];
  readonly end?: string;
  /** As the hook finds out. @default true */
  readonly isComplete?: boolean;
}

const node = (unique_id: string, status: string) => ({
  ...{ unique_id, status, execution_time: 0.5, failures: status === 'fail' ? 2 : null },
  adapter_response: { rows_affected: 3 },
  timing: [{ completed_at: '2026-11-01T10:00:00.123456Z' }],
});

/** Waits take no time. */
const clockOf = (): Clock => {
  let passedMs = 0;
  return {
    now: () => Date.now(),
    monotonic: () => passedMs,
    sleep: async (ms) => {
      passedMs += ms;
    },
  };
};

async function outcomeOf(
  { begins = true, results, end = 'exit code 0', isComplete = true }: Script,
  run: Partial<DbtRun> = {},
  openRunLog: () => Promise<RunLogTables> = log,
) {
  const runner: Runner = {
    invoke: async ({ resultsFile }) => {
      if (begins) {
        const now = new Date().toISOString().slice(0, 23).replace('T', ' ');
        await runSql(
          path,
          `insert into silver.dbt_runs values
           ('id', 'build', ${isComplete}, false, 'running', 'running', 7, 'f', '${now}', '${now}')`,
        );
      }
      if (results) {
        mkdirSync(dirname(resultsFile), { recursive: true });
        writeFileSync(resultsFile, JSON.stringify({ metadata: { invocation_id: 'id' }, results }));
      }
      return end;
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const place = { projectDir: '/project', environmentDir: '/python', workDir: dir, env: {}, openRunLog };
  const options = {
    command: 'build',
    vars: { project_fingerprint: 'f' },
    signal: new AbortController().signal,
    ...run,
  };
  const error = await new OneCommandAtATime(place, runner, clockOf()).run(options as DbtRun).then(
    () => null,
    (thrown: Error) => thrown.message,
  );
  const rows = await read(
    'select command, is_complete, status, models_status as models, run_seq, project_fingerprint as print from silver.dbt_runs',
  );
  return { error, rows };
}

const ofBuild = { command: 'build', is_complete: true, run_seq: 7, print: 'f' };
const failed = { ...ofBuild, status: 'failed', models: 'failed' };

it.each([
  ['is killed before its first node', { end: 'signal SIGKILL' }, /ended with signal SIGKILL/],
  ['cannot parse the project, so that its hook does not run', { begins: false, end: 'exit code 2' }, /exit code 2/],
  ['has no results', { results: [] }, /ran no model and no test/],
  [
    'ends with an error after nodes that succeeded',
    { results: [node('model.p.a', 'success')], end: 'exit code 2' },
    /2/,
  ],
  ['has a failed model', { results: [node('model.p.a', 'error')], end: 'exit code 1' }, /1 of dbt's models/],
  ['reports a failed model, but exit code 0', { results: [node('model.p.a', 'error')] }, /1 of dbt's models/],
] as const)('[R154] records a run as failed if dbt %s', async (_, script, message) => {
  const { error, rows } = await outcomeOf(script);
  expect(error).toMatch(message);
  expect(rows).toEqual([failed]);
});

it('[R154] records a run with a failed test as failed, its models as built, and the result of each node', async () => {
  const results = [
    node('operation.p.hook', 'success'),
    node('model.p.a', 'success'),
    node('test.p.not_null_a.1a2b', 'fail'),
    node("unit_test.p.a.it's", 'pass'),
  ];
  const { rows } = await outcomeOf({ results, end: 'exit code 1' });
  expect(rows).toEqual([{ ...failed, models: 'success' }]);
  const of = (node_name: string, resource_type: string, status: string, failures: number | null) => ({
    ...{ invocation_id: 'id', node_name, resource_type, status, seconds: 0.5, rows_affected: 3, failures },
    ...{ node_id: expect.stringContaining(node_name), finished_at: '2026-11-01T10:00:00.123Z' },
  });
  expect(await read('select * from silver.dbt_results order by node_name')).toEqual([
    of('a', 'model', 'success', null),
    of("it's", 'unit_test', 'pass', null),
    of('not_null_a', 'test', 'fail', 2),
  ]);
});

it('[P22] says that GOLD is whole after a success, not after a failure or if another run has begun', async () => {
  await runSql(path, 'create schema gold');
  await runSql(
    path,
    `create table gold.build_state as
     select 2 as started_seq, 1 as finished_seq, cast(0 as bigint) as finished_ms, 'id' as started_by, 0 as partial_seq`,
  );
  const finished = async () => (await read('select finished_seq as seq from gold.build_state'))[0]?.['seq'];
  await outcomeOf({ results: [node('model.p.a', 'error')], end: 'exit code 1' });
  expect(await finished()).toBe(1);
  await outcomeOf({ results: [node('model.p.a', 'success')] });
  expect(await finished()).toBe(2);
  await runSql(path, `update gold.build_state set started_seq = 3, started_by = 'another'`);
  await outcomeOf({ results: [node('model.p.a', 'success')] });
  expect(await finished()).toBe(2);
});

it.each([
  ['a complete build', true, { finished: 2, partial: 0 }],
  ['a run of some models', false, { finished: 1, partial: 2 }],
])('[P22 R159] says in GOLD whether the last success was %s', async (_, isComplete, expected) => {
  await runSql(path, 'create schema gold');
  await runSql(
    path,
    `create table gold.build_state as
     select 2 as started_seq, 1 as finished_seq, cast(0 as bigint) as finished_ms, 'id' as started_by, 0 as partial_seq`,
  );
  await outcomeOf({ results: [node('model.p.a', 'success')], isComplete });
  expect(await read('select finished_seq as finished, partial_seq as partial from gold.build_state')).toEqual([
    expected,
  ]);
});

it('records a run as a success if dbt has results and none is bad', async () => {
  const { error, rows } = await outcomeOf({ results: [node('model.p.a', 'success'), node('test.p.b.1', 'warn')] });
  expect({ error, rows }).toEqual({ error: null, rows: [{ ...ofBuild, status: 'success', models: 'success' }] });
});

/** The log of runs on a warehouse that fails at one step, so many times. */
function failing(step: 'open' | 'write' | 'reply', times: number, error: Error) {
  let left = times;
  const failAt = (at: typeof step) => {
    if (at !== step || left === 0) return;
    left -= 1;
    throw error;
  };
  return async (): Promise<RunLogTables> => {
    failAt('open');
    const tables = await log();
    const write = async (statements: readonly string[]) => {
      failAt('write');
      await tables.write(statements);
      failAt('reply');
    };
    return { query: (sql) => tables.query(sql), write, [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose]() };
  };
}

const away = new WarehouseUnavailableError('Snowflake: no connection');
const succeeding = { results: [node('model.p.a', 'success')] };

it.each([
  ['open', 'a success', succeeding, 'success', 1],
  ['write', 'a success', succeeding, 'success', 1],
  ['reply', 'a success', succeeding, 'success', 1],
  ['reply', 'a run without results', { end: 'signal SIGKILL' }, 'failed', 0],
] as const)(
  '[R158] writes an outcome once although the warehouse is away at the %s several times: %s',
  async (step, _, script, status, results) => {
    const { rows } = await outcomeOf(script, {}, failing(step, 3, away));
    expect(rows).toEqual([{ ...ofBuild, status, models: status }]);
    expect(await read('select * from silver.dbt_results')).toHaveLength(results);
  },
);

it.each([
  ['a success', succeeding, /no connection/],
  ['a failure of dbt', { results: [node('model.p.a', 'error')], end: 'exit code 1' }, /1 of dbt's models/],
] as const)(
  '[R158] gives up when the warehouse stays away, and the run stays running, never a success: %s',
  async (_, script, message) => {
    const { error, rows } = await outcomeOf(script, {}, failing('write', 1_000_000, away));
    expect(error).toMatch(message);
    expect(rows).toEqual([{ ...ofBuild, status: 'running', models: 'running' }]);
  },
);

it('[R158] does not retry a write that fails for another reason', async () => {
  const { error, rows } = await outcomeOf(succeeding, {}, failing('write', 1, new Error('no such column')));
  expect(error).toBe('no such column');
  expect(rows).toEqual([{ ...ofBuild, status: 'running', models: 'running' }]);
});

it('records no run if dbt could not open the warehouse, and none before the tables exist', async () => {
  const cannotOpen = { begins: false, end: 'exit code 2: Could not set lock on file' };
  expect((await outcomeOf(cannotOpen)).rows).toEqual([]);
  await runSql(path, 'drop table silver.dbt_results');
  expect(await outcomeOf({ begins: false, end: 'exit code 2' })).toMatchObject({
    error: expect.stringContaining('exit code 2'),
    rows: [],
  });
});

it.each([
  ['was interrupted', 'running', 'running', true],
  ['failed', 'failed', 'failed', true],
  ['succeeded, and was followed by a success of the present SQL', 'success', 'success', false],
])(
  '[R155] needs a full refresh to go back to the present SQL, if a run of other SQL %s',
  async (_, status, models, isNeeded) => {
    const row = (id: string, fingerprint: string, day: number, [ended, built]: readonly [string, string]) =>
      `('${id}', 'build', true, true, '${ended}', '${built}', 7, '${fingerprint}', '2026-01-0${day}', '2026-01-0${day}')`;
    await runSql(
      path,
      `create schema bronze; create table bronze.load_batches (batch_id varchar, load_seq bigint);
       create table bronze.raw_movies (batch_id varchar, fetched_at timestamp, ingested_at timestamp);
     create table silver.silver_movies (_fetched_at timestamp);
     insert into silver.dbt_runs values ${row('a', 'present', 1, ['success', 'success'])}, ${row('b', 'other', 2, [status, models])}
       ${isNeeded ? '' : `, ${row('c', 'present', 3, ['success', 'success'])}`}`,
    );
    const state = await transformState(read, 'present');
    expect(state).toMatchObject(isNeeded ? { reason: 'project changed', fullRefresh: true } : { fullRefresh: false });
  },
);
