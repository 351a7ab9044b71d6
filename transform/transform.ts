import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Context, toolsDir } from '../platform/context.ts';
import { goldCopy } from '../platform/side-output.ts';
import { transformTarget, warehouseAccess } from '../platform/warehouse.ts';
import { systemClock } from '../runtime/clock.ts';
import { dayMs } from '../runtime/days.ts';
import { isRetriable, messageOf, UsageError } from '../runtime/errors.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import { SideOutputError, type WriteLock } from '../warehouse/system.ts';
import type { Dbt, DbtEnvironment, DbtRun } from './dbt/dbt.ts';
import type { DbtProgress } from './dbt/log-lines.ts';
import { openColdDbt, openWarmDbt } from './dbt/open-dbt.ts';
import { type DbtSummary, failuresShape } from './dbt/run-results.ts';
import { countRecentDrift } from './drift.ts';
import { announce, type FullRefresh, fullRefreshShape, readFullRefresh } from './full-refresh.ts';
import { type LayerTimes, readLayerTimes } from './layers.ts';
import { blankExpired, blankIfPossible, finishPurge } from './purge.ts';
import { lastRunReportSql, projectFingerprint, type Query, type TransformState, transformState } from './state.ts';

const projectDir = join(import.meta.dirname, '..', 'dbt');

/** dbt for this context's warehouse: one process for each command, or one that stays warm for repeated commands. */
export function openDbt(context: Context, kind: 'cold' | 'warm'): Dbt {
  const open = kind === 'warm' ? openWarmDbt : openColdDbt;
  return open(dbtEnvironment(context));
}

/** Where dbt runs for this context, and with which environment, secrets included. */
export const dbtEnvironment = (context: Context): DbtEnvironment => ({
  projectDir,
  environmentDir: join(toolsDir, 'dbt'),
  workDir: join(context.config.dataDir, 'dbt'),
  env: {
    ...context.config.childEnvironment,
    ...transformTarget(context).dbtVariables,
    TRANSFORM_DRIFT: context.config.transformDrift,
    TMDB_APPEND: context.config.tmdb.parts.join(','),
  },
  openRunLog: (lock) => transformTarget(context).openRunLog(lock),
});

/** The outcome of dbt. */
export const transformShape = z.object({
  skipped: z
    .boolean()
    .describe(
      'whether dbt did not run, because BRONZE has not changed or a full refresh is deferred; the tests are those of the last run',
    ),
  fullRefresh: fullRefreshShape
    .nullable()
    .describe('the full refresh that waits for "transform --full-refresh"; null if none waits'),
  models: count.nullable().describe('models that were built; null if dbt did not run'),
  testsPassed: count.describe('tests that passed'),
  testsWarned: count.describe('tests with the severity "warn" that failed'),
  testsFailed: count.describe('tests that failed'),
  failures: failuresShape,
});
export type TransformResult = ValueOf<typeof transformShape>;

/** The result of a run of dbt. */
export const resultOf = ({ models, tests, failures }: DbtSummary): TransformResult => ({
  ...{ skipped: false, fullRefresh: null, models, failures },
  ...{ testsPassed: tests.passed, testsWarned: tests.warned, testsFailed: tests.failed },
});

export interface TransformOptions {
  readonly fullRefresh: boolean;
  /** Run even if nothing is new. */
  readonly force?: boolean;
  /** Build nothing if the purge fails. @default false: log its failure, and build */
  readonly mustPurge?: boolean;
}

/** The plan for dbt, from one check of the warehouse. */
export interface TransformPlan {
  readonly state: TransformState;
  readonly fingerprint: string;
  /** dbt's own record of its last run; empty before the first. */
  readonly last: Readonly<Record<string, unknown>>;
  readonly layers: LayerTimes;
  /** How many recent differences the documents have from the pinned shape. */
  readonly driftFindings: number;
  /** The full refresh that the next build is; null if it is none, or the first build. */
  readonly refresh: FullRefresh | null;
}

/**
 * Removes expired documents, builds SILVER and GOLD from BRONZE, with tests, unless nothing has changed since the last successful run,
 * then publishes GOLD, and rewrites the warehouse file last. If the project's SQL has changed, every table is built from scratch: rows
 * from the old SQL must not be mixed with rows from the new SQL.
 * @throws DbtError if a model or a test failed, UsageError if there is no BRONZE yet.
 */
export async function transform(context: Context, options: TransformOptions): Promise<TransformResult> {
  const system = warehouseAccess(context);
  const nothing = new UsageError(`${system.name} has no BRONZE yet: load something first (npm start)`);
  if (!system.exists()) throw nothing;
  const blankedBy = options.mustPurge ? (await blankExpired(context)).blankedBy : await blankIfPossible(context);
  const plan = await planTransform(context);
  const { state, last } = plan;
  if (state.reason === 'nothing loaded') throw nothing;
  const isDeferred = plan.refresh?.isDeferred === true && !options.fullRefresh;
  if (plan.refresh && isDeferred) announce(context, plan.refresh);
  if (isDeferred || (!state.due && !options.fullRefresh && !options.force)) {
    // A deferred refresh that was interrupted has left tables of different SQL.
    if (!isDeferred) {
      await publishIfBehind(context, plan.layers);
      if (blankedBy) await finishPurge(context, blankedBy);
    }
    const [testsPassed, testsWarned] = [last['tests_passed'], last['tests_warned']].map((count) => Number(count ?? 0));
    const tests = { testsPassed: testsPassed ?? 0, testsWarned: testsWarned ?? 0, testsFailed: 0 };
    return { skipped: true, fullRefresh: isDeferred ? plan.refresh : null, models: null, ...tests, failures: [] };
  }
  await using dbt = openDbt(context, 'cold');
  const summary = await build(context, dbt, plan, options.fullRefresh);
  if (blankedBy) await finishPurge(context, blankedBy);
  return resultOf(summary);
}

/** The reason for the next build (`up to date` if none is due), and its full refresh; null if it would not be a full refresh. */
export async function readNextBuild(
  context: Context,
  query: Query,
): Promise<{ readonly reason: TransformState['reason']; readonly fullRefresh: FullRefresh | null }> {
  const state = await transformState(query, await projectFingerprint(projectDir));
  return { reason: state.reason, fullRefresh: await readFullRefresh(context, query, state) };
}

/** Reads the ledger and dbt's record of its runs. @throws WarehouseUnavailableError. */
export async function planTransform(context: Context): Promise<TransformPlan> {
  const fingerprint = await projectFingerprint(projectDir);
  await using reader = await warehouseAccess(context).openReader();
  const query = (sql: string) => reader.query(sql);
  const state = await transformState(query, fingerprint);
  if (state.waiting > 0) warnOfClock(context, state);
  if (state.reason === 'nothing loaded') {
    return { state, fingerprint, last: {}, layers: {}, driftFindings: 0, refresh: null };
  }
  const [last = {}] = state.reason === 'never run' ? [] : await query(lastRunReportSql);
  const driftFindings = await countRecentDrift(query);
  const refresh = await readFullRefresh(context, query, state);
  return { state, fingerprint, last, layers: await readLayerTimes(query), driftFindings, refresh };
}

/**
 * Runs a complete `dbt build` and, if all its tests passed, publishes GOLD. Both happen under one lock, so that no other process can build
 * in between and readers receive exactly what was tested. @throws DbtError, WarehouseUnavailableError.
 */
export async function build(
  context: Context,
  dbt: Dbt,
  { state, fingerprint, refresh }: TransformPlan,
  fullRefresh = false,
): Promise<DbtSummary> {
  const { progress, log } = context;
  if (refresh) announce(context, { ...refresh, isDeferred: false });
  const run = (signal: AbortSignal, lock: WriteLock) => {
    const starting = progress.busy('dbt', 'starting');
    const onProgress = ({ done, total }: DbtProgress) => {
      // crash point: transform.node-done
      starting[Symbol.dispose]();
      progress.update('dbt', { done, total, unit: 'models and tests' });
    };
    const options = { fullRefresh: fullRefresh || state.fullRefresh, vars: varsOf(context, fingerprint), onProgress };
    return dbt.run({ command: 'build', ...options, signal, lock }).finally(() => starting[Symbol.dispose]());
  };
  return withTransformLease(context, run, async ({ models, tests, seconds }, lock) => {
    // crash point: transform.built
    log.info({ reason: state.reason, models, ...tests, seconds }, 'dbt ran');
    using _ = progress.busy('gold', 'copying it for readers');
    await publishCopy(context, lock);
  });
}

/** The project has the default of TMDB_RETENTION. Other variables make dbt parse the whole project again. */
export function varsOf({ config }: Context, fingerprint: string): NonNullable<DbtRun['vars']> {
  const days = Math.floor(config.tmdb.retentionMs / dayMs);
  return { project_fingerprint: fingerprint, ...(days < defaultDays && { drift_memory_days: days }) };
}

/** `drift_memory_days` of `dbt_project.yml`. */
const defaultDays = 180;

/** For a command that ends: all of its work is done, but readers have an older GOLD. @throws the reason, if the last copy failed. */
export function throwIfNoCopy(context: Context): void {
  const { failure } = goldCopy(context);
  if (failure) throw failure;
}

/** Publishes GOLD. If the copy cannot be written, nothing stops, and `goldCopy` has the reason. @throws WarehouseUnavailableError. */
export async function publishCopy(context: Context, lock?: WriteLock): Promise<void> {
  try {
    await transformTarget(context).publishGold(await modelsOfGold(), lock);
    goldCopy(context).report(null);
  } catch (error) {
    if (!(error instanceof SideOutputError)) throw error;
    goldCopy(context).report(error);
  }
}

/**
 * Names of the tables and views of GOLD. Each has the name of its file, also a version of a model: NAME.sql stays the old version,
 * and NAME_v2.sql is the new one (docs/adr/0060).
 */
export async function modelsOfGold(project = projectDir): Promise<string[]> {
  const files = await readdir(join(project, 'models', 'gold'));
  return files.flatMap((file) => (file.endsWith('.sql') ? file.slice(0, -'.sql'.length) : []));
}

/**
 * Publishes GOLD if readers have an older one than the last successful build, which ended before it could publish.
 * @param layers from a check that found nothing to build. @throws WarehouseUnavailableError.
 */
export async function publishIfBehind(context: Context, { gold }: LayerTimes): Promise<void> {
  const publishedAt = transformTarget(context).goldPublishedAt() ?? 0;
  if (gold !== undefined && publishedAt < gold) await publishCopy(context);
}

/**
 * Runs a dbt command with the lock or lease. Retries while a program outside the queue has the warehouse open, or it is unreachable,
 * because dbt itself does not wait. `afterwards` still has the lock.
 */
export async function withTransformLease<T>(
  context: Context,
  run: (signal: AbortSignal, lock: WriteLock) => Promise<T>,
  afterwards: (result: T, lock: WriteLock) => Promise<void> = async () => {},
): Promise<T> {
  const { signal, log } = context;
  const target = transformTarget(context);
  await using lock = await target.takeTransformLease();
  const giveUpAt = systemClock.monotonic() + warehouseAccess(context).patienceMs;
  for (;;) {
    let result: T;
    try {
      result = await run(lock.lost ? AbortSignal.any([signal, lock.lost]) : signal, lock);
    } catch (error) {
      const leftMs = giveUpAt - systemClock.monotonic();
      if (!isRetriable(error) || leftMs <= 0) throw error;
      if (!target.reportHolder(messageOf(error), leftMs, lock)) {
        log.warn({ error: messageOf(error).split('\n')[0] }, 'dbt could not open the warehouse; retrying');
      }
      await systemClock.sleep(500, signal);
      continue;
    }
    target.reportHolder(null, 0, lock);
    await afterwards(result, lock);
    return result;
  }
}

function warnOfClock({ log }: Context, { reason, waiting }: TransformState): void {
  const consequence = reason === 'clock behind' ? 'dbt waits' : 'their batches wait for a later run';
  log.warn(
    { waiting },
    `some answers are more than an hour ahead of the clock of this machine; ${consequence}: check the clocks`,
  );
}
