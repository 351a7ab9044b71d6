import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { type DbtOptions, runDbt } from '../lib/dbt/dbt.ts';
import type { DbtSummary } from '../lib/dbt/run-results.ts';
import { lastRunReportSql, projectFingerprint, transformState } from '../lib/dbt/transform-state.ts';
import { isRetriable, messageOf, UsageError } from '../lib/errors.ts';
import { openDuckDbReader } from '../lib/warehouse/duckdb/reader.ts';
import { type Context, toolsDir } from './platform.ts';
import type { RunReport } from './report.ts';

const projectDir = join(import.meta.dirname, '..', 'dbt');

export interface TransformOptions {
  readonly fullRefresh: boolean;
  /** Run even when nothing is new. */
  readonly force?: boolean;
}

/**
 * SILVER and GOLD from BRONZE, tests included, unless nothing has changed since the last run that succeeded. A project
 * whose SQL changed builds every table anew: rows made by the old SQL must not stand beside rows made by the new.
 * @throws DbtError when a model or a test failed, UsageError when there is no BRONZE yet.
 */
export async function transform(context: Context, options: TransformOptions): Promise<RunReport['dbt']> {
  const { config, progress, signal, log } = context;
  const { duckdbPath } = config.warehouse;
  if (!existsSync(duckdbPath)) throw new UsageError(`${duckdbPath} is not there yet: load something first (npm start)`);
  const fingerprint = await projectFingerprint(projectDir);
  const { state, last } = await lookUp(context, fingerprint);
  if (!state.due && !options.fullRefresh && !options.force) {
    const [testsPassed, testsWarned] = [last['tests_passed'], last['tests_warned']].map((count) => Number(count ?? 0));
    return { skipped: true, testsPassed: testsPassed ?? 0, testsWarned: testsWarned ?? 0 };
  }
  const summary = await waitingForTheFile(context, {
    projectDir,
    environmentDir: join(toolsDir, 'dbt'),
    workDir: join(config.dataDir, 'dbt'),
    env: { ...config.childEnvironment, WAREHOUSE: 'duckdb', DUCKDB_PATH: duckdbPath },
    command: 'build',
    fullRefresh: options.fullRefresh || state.fullRefresh,
    vars: { project_fingerprint: fingerprint },
    signal,
    onProgress: ({ done, total }) => progress.update('dbt', { done, total, unit: 'models and tests' }),
  });
  log.info({ reason: state.reason, models: summary.models, ...summary.tests, seconds: summary.seconds }, 'dbt ran');
  return { skipped: false, testsPassed: summary.tests.passed, testsWarned: summary.tests.warned };
}

/** Somebody may have opened the file since we looked: dbt itself does not wait for it. */
async function waitingForTheFile({ config, signal, log }: Context, options: DbtOptions): Promise<DbtSummary> {
  const giveUpAt = systemClock.monotonic() + config.warehouse.lockWaitMs;
  for (;;) {
    try {
      return await runDbt(options);
    } catch (error) {
      if (!isRetriable(error) || systemClock.monotonic() >= giveUpAt) throw error;
      log.warn({ error: messageOf(error).split('\n')[0] }, 'dbt could not open the warehouse, trying again');
      await systemClock.sleep(500, signal);
    }
  }
}

async function lookUp({ config, signal }: Context, fingerprint: string) {
  const { duckdbPath: path, lockWaitMs } = config.warehouse;
  await using reader = await openDuckDbReader({ path, lockWaitMs, clock: systemClock, signal });
  const state = await transformState((sql) => reader.query(sql), fingerprint);
  const [last = {}] = state.reason === 'never run' ? [] : await reader.query(lastRunReportSql);
  return { state, last };
}
