import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../platform/config.ts';
import type { Context } from '../../platform/context.ts';
import { systemClock } from '../../runtime/clock.ts';
import { Health } from '../../runtime/health.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { noProgress } from '../../runtime/progress.ts';
import type { Dbt, DbtRun } from '../../transform/dbt/dbt.ts';
import { DbtError } from '../../transform/dbt/dbt-error.ts';
import type { SourceFreshness } from '../../transform/dbt/freshness.ts';
import type { DbtSummary } from '../../transform/dbt/run-results.ts';
import { Rounds, runSchedule } from '../../transform/scheduler.ts';
import { projectFingerprint } from '../../transform/state.ts';
import { throwIfNoCopy } from '../../transform/transform.ts';
import { takeFileLock } from '../../warehouse/duckdb/file-lock.ts';
import { openDuckDbPurge } from '../../warehouse/duckdb/purge.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { ManualClock } from '../support/clock/manual-clock.ts';
import { silent } from '../support/kafka/broker.ts';
import { duckDbOf } from '../support/warehouse/duckdb-of.ts';
import { runSql } from '../support/warehouse/warehouse-contents.ts';

const good: DbtSummary = {
  runId: 'run',
  status: 'success',
  models: 14,
  tests: { passed: 52, failed: 0, warned: 0 },
  seconds: 1,
  failures: [],
};
const bad: DbtSummary = { ...good, status: 'failed', failures: [{ name: 'fact_movies', message: 'broken' }] };

/** A scripted dbt: it records the commands and returns the results that the test defines. */
class ScriptedDbt implements Dbt {
  readonly commands: string[] = [];
  /** The errors of the next commands; null if a command succeeds. */
  readonly failures: (Error | null)[] = [];
  freshnessIs: SourceFreshness['status'] = 'pass';
  /** What a build does to the warehouse. */
  onBuild: () => Promise<void> = async () => {};
  /** The number of concurrent commands, which must never exceed one. */
  static running = 0;

  async run({ command }: DbtRun): Promise<DbtSummary> {
    ScriptedDbt.running += 1;
    try {
      expect(ScriptedDbt.running).toBe(1);
      this.commands.push(command);
      // Long enough for a second command to start, if that were possible.
      await systemClock.sleep(60);
    } finally {
      // Also if it was not the only one: the next tests are about other faults.
      ScriptedDbt.running -= 1;
    }
    const failure = this.failures.shift();
    if (failure) throw failure;
    await this.onBuild();
    return good;
  }

  async freshness(): Promise<readonly SourceFreshness[]> {
    this.commands.push('freshness');
    return [{ source: 'bronze.load_batches', status: this.freshnessIs, ageSeconds: 5 }];
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

describe('the schedule of dbt', () => {
  let folder: string;
  let clock: ManualClock;
  let dbt: ScriptedDbt;
  let stop: AbortController;
  let context: Context;
  const metric = async (name: string, labels = '') => {
    const lines = (await context.metrics.registry.metrics()).split('\n');
    return Number(lines.find((line) => line.startsWith(`${name}${labels} `))?.split(' ')[1] ?? 0);
  };
  const load = async () => {
    const { duckdbPath: path } = duckDbOf(context.config);
    await using warehouse = await openDuckDbWarehouse({ path, lockWaitMs: 5_000, clock: systemClock });
    await warehouse.migrate();
    const partition = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic', partition: 0 };
    const next = (await warehouse.positions(partition)).get(0) ?? 0n;
    await warehouse.append([{ table: 'raw_movies', partition, firstOffset: next, nextOffset: next + 1n, rows: [] }]);
  };

  /** Leaves the same tables as a real build, so that there is nothing to build in the next rounds. */
  const leaveBuild = async (fingerprint: string) =>
    void (await runSql(
      duckDbOf(context.config).duckdbPath,
      `create schema silver; create table silver.silver_movies (_fetched_at timestamp);
       create table silver.sealed_batches as select batch_id, load_seq, 1 as run_seq from bronze.load_batches;
       create table silver.dbt_results (invocation_id text, resource_type text, status text);
       create table silver.dbt_runs as select 'x' as invocation_id, 1 as run_seq, '${fingerprint}' as project_fingerprint,
         true as is_complete, 'success' as models_status, 'success' as status, 'build' as command, true as is_full_refresh,
         current_timestamp::timestamp - interval 90 second as started_at, current_timestamp::timestamp as finished_at`,
    ));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-schedule-'));
    clock = new ManualClock();
    dbt = new ScriptedDbt();
    stop = new AbortController();
    context = {
      config: loadConfig({ DATA_DIR: folder, TRANSFORM_SCHEDULE: '*/10 * * * * *' }),
      log: silent,
      progress: noProgress,
      signal: stop.signal,
      metrics: createMetrics('0'),
      health: new Health(clock),
    };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('does nothing while there is nothing to build from', async () => {
    const rounds = new Rounds(context, dbt, clock);
    expect(await rounds.next()).toBe('skipped');
    expect(dbt.commands).toEqual([]);
    expect(await metric('tmdb_dbt_runs_total', '{status="skipped"}')).toBe(1);
  });

  it('checks freshness, builds, and publishes GOLD', async () => {
    await load();
    const rounds = new Rounds(context, dbt, clock);
    expect(await rounds.next()).toBe('success');
    expect(dbt.commands).toEqual(['freshness', 'build']);
    expect(existsSync(duckDbOf(context.config).goldPath)).toBe(true);
    expect(await metric('tmdb_source_fresh', '{source="bronze.load_batches"}')).toBe(1);
    expect(await metric('tmdb_layer_moved_timestamp_seconds', '{layer="gold"}')).toBe(clock.now() / 1_000);
  });

  it('[P25] removes the documents of expired answers before a build, once a day, and rewrites the file after it', async () => {
    const { duckdbPath: path } = duckDbOf(context.config);
    const [options, before] = [
      { path, lockWaitMs: 5_000, clock: systemClock },
      new Date(Date.now() - 180 * 86_400_000),
    ];
    const loadOld = async () => {
      await using warehouse = await openDuckDbWarehouse(options);
      await warehouse.migrate();
      const partition = { clusterId: 'cluster', topic: 'tmdb.raw-genres', topicId: 'topic', partition: 0 };
      const next = (await warehouse.positions(partition)).get(0) ?? 0n;
      const row = { language: 'en', body: Buffer.from('{}'), sourceUrl: '', fetchedAt: new Date(0), kafkaOffset: next };
      await warehouse.append([
        { table: 'raw_genres', partition, firstOffset: next, nextOffset: next + 1n, rows: [row] },
      ]);
    };
    const purge = await openDuckDbPurge(options);
    await loadOld();
    dbt.failures.push(new DbtError('a model failed', bad), null);
    const rounds = new Rounds(context, dbt, clock);
    expect(await rounds.next()).toBe('failed');
    expect([(await purge.expired(before)).rows, await purge.isUnfinished()]).toEqual([0, true]);
    await clock.advance(15_000);
    expect(await rounds.next()).toBe('success');
    expect([await purge.isUnfinished(), await metric('tmdb_purge_unfinished')]).toEqual([false, 0]);

    await loadOld();
    expect(await rounds.next()).toBe('success');
    expect((await purge.expired(before)).rows).toBe(1);
    await clock.advance(86_400_000);
    expect(await rounds.next()).toBe('success');
    expect([(await purge.expired(before)).rows, await purge.isUnfinished()]).toEqual([0, false]);
  });

  it('builds although the purge fails, and retries the purge', async () => {
    await load();
    const { duckdbPath: path } = duckDbOf(context.config);
    await runSql(path, 'alter table bronze.raw_movies rename column ingested_at to other');
    const rounds = new Rounds(context, dbt, clock);
    expect([await rounds.next(), await metric('tmdb_purge_unfinished')]).toEqual(['success', 1]);
    await runSql(path, 'alter table bronze.raw_movies rename column other to ingested_at');
    await clock.advance(600_000);
    expect([await rounds.next(), await metric('tmdb_purge_unfinished')]).toEqual(['success', 0]);
  });

  it('builds in the rounds after a purge that found the file in use', async () => {
    await load();
    const { duckdbPath: path } = duckDbOf(context.config);
    const config = loadConfig({ DATA_DIR: folder, DUCKDB_LOCK_WAIT: '0s' });
    const rounds = new Rounds({ ...context, config }, dbt, clock);
    {
      await using _lock = await takeFileLock({ path, clock: systemClock, waitMs: 0 });
      expect(await rounds.next()).toBe('skipped');
    }
    await runSql(path, 'alter table bronze.raw_movies rename column ingested_at to other');
    expect([await rounds.next(), await metric('tmdb_purge_unfinished')]).toEqual(['success', 0]);
    await clock.advance(600_000);
    expect([await rounds.next(), await metric('tmdb_purge_unfinished')]).toEqual(['success', 1]);
  });

  it('retries failed nodes after a delay, and then builds everything', async () => {
    await load();
    dbt.failures.push(new DbtError('a model failed', bad), new DbtError('still', bad), null);
    const rounds = new Rounds(context, dbt, clock);
    expect(await rounds.next()).toBe('failed');
    expect([rounds.isGood, await metric('tmdb_dbt_failing_nodes')]).toEqual([false, 1]);
    expect(existsSync(duckDbOf(context.config).goldPath)).toBe(false);
    expect(await rounds.next()).toBe('skipped');
    await clock.advance(15_000);
    expect(await rounds.next()).toBe('failed');
    await clock.advance(15_000);
    expect(await rounds.next()).toBe('skipped');
    await clock.advance(15_000);
    expect(await rounds.next()).toBe('success');
    expect(dbt.commands).toEqual(['freshness', 'build', 'retry', 'retry', 'build']);
    expect([rounds.isGood, await metric('tmdb_dbt_failing_nodes')]).toEqual([true, 0]);
  });

  it('builds instead of a retry if BRONZE has changed since, because new records may fix the failure', async () => {
    await load();
    dbt.failures.push(new DbtError('a test failed', bad));
    const rounds = new Rounds(context, dbt, clock);
    expect(await rounds.next()).toBe('failed');
    await load();
    await clock.advance(15_000);
    expect(await rounds.next()).toBe('success');
    expect(dbt.commands).toEqual(['freshness', 'build', 'build']);
  });

  it('[R56] does not count a file in use as a failure, and reports that the warehouse is unavailable', async () => {
    await load();
    const config = loadConfig({ DATA_DIR: folder, DUCKDB_LOCK_WAIT: '0s' });
    const rounds = new Rounds({ ...context, config }, dbt, clock);
    {
      await using _lock = await takeFileLock({
        path: duckDbOf(context.config).duckdbPath,
        clock: systemClock,
        waitMs: 0,
      });
      expect(await rounds.next()).toBe('skipped');
      expect((await context.health.readiness()).ok).toBe(false);
    }
    expect(await rounds.next()).toBe('success');
    expect([rounds.isGood, (await context.health.readiness()).ok]).toEqual([true, true]);
  });

  it.each([
    ['dbt', new DbtError('dbt build ended with exit code 2\n[Errno 28] No space left on device')],
    ['Node', Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })],
  ])('is not ready while a disk is full, as reported by %s, and resumes when there is space', async (_, full) => {
    await load();
    dbt.failures.push(full);
    const rounds = new Rounds(context, dbt, clock);
    expect(await rounds.next()).toBe('failed');
    expect(await context.health.readiness()).toMatchObject({
      ok: false,
      checks: { warehouse: expect.stringContaining('no space left') },
    });
    await clock.advance(15_000);
    expect(await rounds.next()).toBe('success');
    expect((await context.health.readiness()).ok).toBe(true);
  });

  it.each([
    [
      'auto',
      'success',
      ['freshness', 'build'],
      /^full refresh: dbt builds every table from scratch; the published GOLD does not change/,
    ],
    [
      'defer',
      'skipped',
      ['freshness'],
      /^full refresh deferred by TRANSFORM_FULL_REFRESH: run "tmdb-stream transform --full-refresh"/,
    ],
    ['refuse', 'failed', ['freshness'], /^dbt failed/],
  ] as const)(
    '[R155] %s: a full refresh because of changed SQL is announced with its cost; outcome: %s',
    async (mode, outcome, commands, message) => {
      await load();
      await runSql(duckDbOf(context.config).duckdbPath, 'update bronze.load_batches set row_count = 1000');
      await leaveBuild('of yesterday');
      await load();
      const lines: Record<string, unknown>[] = [];
      const log = pino({ level: 'warn' }, { write: (line) => lines.push(JSON.parse(line)) });
      const config = { ...context.config, transformFullRefresh: mode };
      const rounds = new Rounds({ ...context, config, log }, dbt, clock);
      const outcomes = [await rounds.next(), ...(mode === 'defer' ? [await rounds.next()] : [])];
      expect(new Set(outcomes)).toEqual(new Set([outcome]));
      expect(dbt.commands).toEqual(commands);
      const said = lines.filter((line) => message.test(String(line['msg'])));
      expect(said).toHaveLength(1);
      // 1,000 rows took 90 seconds.
      if (mode !== 'refuse') expect(said[0]).toMatchObject({ reason: 'project changed', rows: 1_000, minutes: 1.5 });
      else
        expect(String(said[0]?.['error'])).toContain(
          '1000 rows of BRONZE, about 1.5 minutes: run "tmdb-stream transform',
        );
    },
  );

  it('[R157] plans a deferred full refresh again only with new batches or a check of freshness, and builds after it', async () => {
    await load();
    await leaveBuild('of yesterday');
    const { duckdbPath: path } = duckDbOf(context.config);
    const config = loadConfig({ DATA_DIR: folder, DUCKDB_LOCK_WAIT: '0s', TRANSFORM_FULL_REFRESH: 'defer' });
    const rounds = new Rounds({ ...context, config }, dbt, clock);
    /** Whether a round opens the warehouse: it cannot while another process has it. */
    const opensWarehouse = async () => {
      await using _lock = await takeFileLock({ path, clock: systemClock, waitMs: 0 });
      expect(await rounds.next()).toBe('skipped');
      return !(await context.health.readiness()).ok;
    };
    expect(await rounds.next()).toBe('skipped');
    expect(await opensWarehouse()).toBe(false);
    await clock.advance(60_000);
    expect(await opensWarehouse()).toBe(true);
    expect(await rounds.next()).toBe('skipped');
    expect(await opensWarehouse()).toBe(false);
    await load();
    expect(await opensWarehouse()).toBe(true);
    expect([await rounds.next(), dbt.commands]).toEqual(['skipped', ['freshness', 'freshness']]);
    const fingerprint = await projectFingerprint(join(import.meta.dirname, '../../dbt'));
    await runSql(path, `update silver.dbt_runs set project_fingerprint = '${fingerprint}'`);
    expect([await rounds.next(), dbt.commands.at(-1)]).toEqual(['success', 'build']);
  });

  it('[R155] builds a first time without an announcement, whatever the setting says', async () => {
    await load();
    const config = { ...context.config, transformFullRefresh: 'refuse' as const };
    expect(await new Rounds({ ...context, config }, dbt, clock).next()).toBe('success');
  });

  it('[R159] publishes nothing after a run of some models, until a complete build has succeeded', async () => {
    await load();
    await leaveBuild(await projectFingerprint(join(import.meta.dirname, '../../dbt')));
    await runSql(
      duckDbOf(context.config).duckdbPath,
      `insert into silver.dbt_runs select * replace (false as is_complete, finished_at + interval 1 second as finished_at)
       from silver.dbt_runs`,
    );
    const isPublished = () => existsSync(duckDbOf(context.config).goldPath);
    const rounds = new Rounds(context, dbt, clock);
    dbt.failures.push(new DbtError('a test failed', bad));
    expect([await rounds.next(), isPublished()]).toEqual(['failed', false]);
    await clock.advance(15_000);
    expect([await rounds.next(), isPublished()]).toEqual(['success', true]);
  });

  it('[R159] builds after a run of some models by a check of freshness, if BRONZE looks as before', async () => {
    await load();
    const { duckdbPath: path } = duckDbOf(context.config);
    const fingerprint = await projectFingerprint(join(import.meta.dirname, '../../dbt'));
    await leaveBuild(fingerprint);
    const partialRun = `insert into silver.dbt_runs
      select * replace (false as is_complete, finished_at + interval 1 second as finished_at) from silver.dbt_runs`;
    const remove = () => runSql(path, 'delete from silver.dbt_runs where not is_complete');
    const looksAsBefore = () => utimesSync(path, 1_800_000_000, 1_800_000_000);
    // The file grows at the first change. After that, its size alternates between two values.
    await runSql(path, partialRun);
    await remove();
    looksAsBefore();
    const rounds = new Rounds(context, dbt, clock);
    expect(await rounds.next()).toBe('skipped');
    const { size } = statSync(path);
    // As on Snowflake, where a run of dbt does not change BRONZE.
    await runSql(path, partialRun);
    for (let attempt = 0; attempt < 5 && statSync(path).size !== size; attempt += 1) {
      await remove();
      await runSql(path, partialRun);
    }
    looksAsBefore();
    expect(statSync(path).size).toBe(size);
    expect(await rounds.next()).toBe('skipped');
    await clock.advance(60_000);
    expect(await rounds.next()).toBe('success');
  });

  it('[R108] continues when the copy of GOLD cannot be written, reports it, and writes it later', async () => {
    const warnings: unknown[] = [];
    const log = pino({ level: 'warn' }, { write: (line) => warnings.push(JSON.parse(line)) });
    const { goldPath } = duckDbOf(context.config);
    mkdirSync(goldPath);
    await load();
    const fingerprint = await projectFingerprint(join(import.meta.dirname, '../../dbt'));
    dbt.onBuild = () => leaveBuild(fingerprint);
    const rounds = new Rounds({ ...context, log }, dbt, clock);
    const failing = () => metric('tmdb_side_output_failing', '{output="gold_copy"}');
    const outcomes = [await rounds.next()];
    for (let round = 0; round < 3; round += 1) {
      await clock.advance(10_000);
      outcomes.push(await rounds.next());
    }
    expect(outcomes).toEqual(['success', 'skipped', 'skipped', 'skipped']);
    expect([rounds.isGood, await failing()]).toEqual([true, 1]);
    const reason = expect.stringContaining(`${goldPath} cannot be used: a folder is where a file has to be`);
    expect(await context.health.readiness()).toMatchObject({
      ok: false,
      checks: { gold_copy: reason, warehouse: 'ok' },
    });
    expect(warnings).toEqual([expect.objectContaining({ output: 'gold_copy', error: reason })]);
    expect(() => throwIfNoCopy(context)).toThrow(/the copy of GOLD for readers/);
    rmSync(goldPath, { recursive: true });
    await clock.advance(10_000);
    expect(await rounds.next()).toBe('skipped');
    expect(statSync(goldPath).isFile()).toBe(true);
    expect([(await context.health.readiness()).ok, await failing(), dbt.commands.includes('retry')]).toEqual([
      true,
      0,
      false,
    ]);
    throwIfNoCopy(context);
    expect(dbt.commands.filter((command) => command === 'build')).toHaveLength(1);
  });

  it('warns about a stale source, at most once a minute', async () => {
    await load();
    dbt.freshnessIs = 'error';
    const rounds = new Rounds(context, dbt, clock);
    for (let round = 0; round < 4; round += 1) {
      await rounds.next();
      await clock.advance(20_000);
    }
    expect(dbt.commands.filter((command) => command === 'freshness')).toHaveLength(2);
    expect([rounds.isFresh, await metric('tmdb_source_fresh', '{source="bronze.load_batches"}')]).toEqual([false, 0]);
  });

  it('[R62] never runs dbt twice at once, not even from two schedulers', async () => {
    await load();
    const other = new ScriptedDbt();
    const outcomes = await Promise.all([
      new Rounds(context, dbt, clock).next(),
      new Rounds(context, other, clock).next(),
    ]);
    expect(outcomes).toEqual(['success', 'success']);
    expect([...dbt.commands, ...other.commands].filter((command) => command === 'build')).toHaveLength(2);
  });

  it('runs at the scheduled times, never overlaps, and ends when it is told to', async () => {
    await load();
    const running = runSchedule(context, dbt, clock);
    while (dbt.commands.filter((command) => command === 'build').length < 3) await clock.advance(10_000);
    stop.abort();
    expect(await running).toBe(true);
    expect(clock.sleeping).toBe(0);
  });

  it('keeps its schedule if the clock is set back during a round', async () => {
    await load();
    const running = runSchedule(context, dbt, clock);
    dbt.onBuild = async () => {
      dbt.onBuild = async () => {};
      clock.set(-9 * 3_600_000);
    };
    while (dbt.commands.length === 0) await clock.advance(10_000);
    await clock.advance(0);
    await vi.waitUntil(() => clock.sleeping > 0, { timeout: 20_000 });
    const before = dbt.commands.length;
    for (let tries = 0; tries < 3; tries += 1) await clock.advance(10_000);
    await vi.waitUntil(() => dbt.commands.length > before, { timeout: 20_000 });
    stop.abort();
    expect(await running).toBe(true);
  });

  it('ends as failed if its last run failed', async () => {
    await load();
    dbt.failures.push(new DbtError('a test failed', bad));
    const running = runSchedule(context, dbt, clock);
    while (dbt.commands.length < 2) await clock.advance(10_000);
    await clock.advance(0);
    stop.abort();
    expect(await running).toBe(false);
  });
});
