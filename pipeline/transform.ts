import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { runDbt } from '../lib/dbt/dbt.ts';
import { lastRunReportSql, projectFingerprint, transformState } from '../lib/dbt/transform-state.ts';
import { UsageError } from '../lib/errors.ts';
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
    return { skipped: true, testsPassed: Number(last['tests_passed'] ?? 0), testsFailed: 0 };
  }
  const summary = await runDbt({
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
  return { skipped: false, testsPassed: summary.tests.passed, testsFailed: summary.tests.failed };
}

async function lookUp({ config }: Context, fingerprint: string) {
  const { duckdbPath: path, lockWaitMs } = config.warehouse;
  await using reader = await openDuckDbReader({ path, lockWaitMs, clock: systemClock });
  const state = await transformState((sql) => reader.query(sql), fingerprint);
  const [last = {}] = state.reason === 'never run' ? [] : await reader.query(lastRunReportSql);
  return { state, last };
}
