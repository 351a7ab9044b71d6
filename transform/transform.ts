import { join } from 'node:path';
import { type Context, toolsDir } from '../platform/platform.ts';
import { type SideOutput, sideOutput } from '../platform/side-output.ts';
import { warehouseSystem } from '../platform/warehouse.ts';
import { systemClock } from '../runtime/clock.ts';
import { isRetriable, messageOf, UsageError } from '../runtime/errors.ts';
import { SideOutputError, type Turn } from '../warehouse/system.ts';
import type { Dbt, DbtRun } from './dbt/dbt.ts';
import { openColdDbt, openWarmDbt } from './dbt/open-dbt.ts';
import type { DbtSummary } from './dbt/run-results.ts';
import { type LayerTimes, readLayerTimes } from './layers.ts';
import { lastRunReportSql, projectFingerprint, type TransformState, transformState } from './state.ts';

const projectDir = join(import.meta.dirname, '..', 'dbt');

/** dbt for this context's warehouse: a process a command, or one that stays warm for whoever runs it again and again. */
export function openDbt(context: Context, kind: 'cold' | 'warm'): Dbt {
  const { config } = context;
  const open = kind === 'warm' ? openWarmDbt : openColdDbt;
  return open({
    projectDir,
    environmentDir: join(toolsDir, 'dbt'),
    workDir: join(config.dataDir, 'dbt'),
    env: { ...config.childEnvironment, ...warehouseSystem(context).dbtEnvironment },
  });
}

/** A test that fails ends the run with an error; one that only warns is counted here. */
export interface TransformResult {
  readonly skipped: boolean;
  readonly testsPassed: number;
  readonly testsWarned: number;
}

export interface TransformOptions {
  readonly fullRefresh: boolean;
  /** Run even when nothing is new. */
  readonly force?: boolean;
}

/** What there is to transform, as of one look at the warehouse. */
export interface TransformPlan {
  readonly state: TransformState;
  readonly fingerprint: string;
  /** dbt's own record of its last run; empty before the first. */
  readonly last: Readonly<Record<string, unknown>>;
  readonly layers: LayerTimes;
}

/**
 * SILVER and GOLD from BRONZE, tests included, unless nothing has changed since the last run that succeeded; then GOLD
 * is published. A project whose SQL changed builds every table anew: rows made by the old SQL must not stand beside rows
 * made by the new.
 * @throws DbtError when a model or a test failed, UsageError when there is no BRONZE yet.
 */
export async function transform(context: Context, options: TransformOptions): Promise<TransformResult> {
  const system = warehouseSystem(context);
  const nothing = new UsageError(`${system.name} holds no BRONZE yet: load something first (npm start)`);
  if (!system.exists()) throw nothing;
  const plan = await planTransform(context);
  const { state, last } = plan;
  if (state.reason === 'nothing loaded') throw nothing;
  if (!state.due && !options.fullRefresh && !options.force) {
    await publishIfBehind(context, plan.layers);
    const [testsPassed, testsWarned] = [last['tests_passed'], last['tests_warned']].map((count) => Number(count ?? 0));
    return { skipped: true, testsPassed: testsPassed ?? 0, testsWarned: testsWarned ?? 0 };
  }
  await using dbt = openDbt(context, 'cold');
  const { tests } = await build(context, dbt, plan, options.fullRefresh);
  return { skipped: false, testsPassed: tests.passed, testsWarned: tests.warned };
}

/** Looks into the ledger and dbt's record of its runs. @throws WarehouseUnavailableError. */
export async function planTransform(context: Context): Promise<TransformPlan> {
  const fingerprint = await projectFingerprint(projectDir);
  await using reader = await warehouseSystem(context).openReader();
  const query = (sql: string) => reader.query(sql);
  const state = await transformState(query, fingerprint);
  if (state.reason === 'nothing loaded') return { state, fingerprint, last: {}, layers: {} };
  const [last = {}] = state.reason === 'never run' ? [] : await query(lastRunReportSql);
  return { state, fingerprint, last, layers: await readLayerTimes(query) };
}

/**
 * A whole `dbt build` and, when all its tests passed, GOLD for readers: in one turn on the file, so that nobody can build
 * in between what readers would then be given. @throws DbtError, WarehouseUnavailableError.
 */
export async function build(
  context: Context,
  dbt: Dbt,
  { state, fingerprint }: TransformPlan,
  fullRefresh = false,
): Promise<DbtSummary> {
  const { progress, log } = context;
  const run = (signal: AbortSignal) =>
    dbt.run({
      command: 'build',
      fullRefresh: fullRefresh || state.fullRefresh,
      vars: varsOf(fingerprint),
      signal,
      onProgress: ({ done, total }) => {
        // crash point: transform.node-done
        progress.update('dbt', { done, total, unit: 'models and tests' });
      },
    });
  return withTransformLease(context, run, async ({ models, tests, seconds }, turn) => {
    // crash point: transform.built
    log.info({ reason: state.reason, models, ...tests, seconds }, 'dbt ran');
    await publishCopy(context, turn);
  });
}

export const varsOf = (fingerprint: string): NonNullable<DbtRun['vars']> => ({ project_fingerprint: fingerprint });

/** The copy of GOLD for readers. */
export const goldCopy = (context: Context): SideOutput => sideOutput(context, 'gold_copy');

/** For a command that ends: all of its work is done, but readers have an older GOLD. @throws the reason, if the last copy failed. */
export function throwIfNoCopy(context: Context): void {
  const { failure } = goldCopy(context);
  if (failure) throw failure;
}

/** Publishes GOLD. That the copy cannot be written stops nothing: `goldCopy` has the reason. @throws WarehouseUnavailableError. */
export async function publishCopy(context: Context, turn?: Turn): Promise<void> {
  try {
    await warehouseSystem(context).publishGold(turn);
    goldCopy(context).report(null);
  } catch (error) {
    if (!(error instanceof SideOutputError)) throw error;
    goldCopy(context).report(error);
  }
}

/**
 * Publishes GOLD when readers have an older one than the last good build, which did not come to publish it.
 * @param layers as of a look that found nothing to build. @throws WarehouseUnavailableError.
 */
export async function publishIfBehind(context: Context, { gold }: LayerTimes): Promise<void> {
  const system = warehouseSystem(context);
  if (gold !== undefined && (system.goldPublishedAt() ?? 0) < gold) await publishCopy(context);
}

/**
 * Runs a command of dbt when it is our turn, again while the warehouse is in use by a program that takes no turns, or out of reach:
 * dbt itself does not wait for it. `afterwards` still has the turn.
 */
export async function withTransformLease<T>(
  context: Context,
  run: (signal: AbortSignal) => Promise<T>,
  afterwards: (result: T, turn: Turn) => Promise<void> = async () => {},
): Promise<T> {
  const { signal, log } = context;
  const system = warehouseSystem(context);
  await using turn = await system.takeTransformTurn();
  const giveUpAt = systemClock.monotonic() + system.patienceMs;
  for (;;) {
    let result: T;
    try {
      result = await run(turn.lost ? AbortSignal.any([signal, turn.lost]) : signal);
    } catch (error) {
      const leftMs = giveUpAt - systemClock.monotonic();
      if (!isRetriable(error) || leftMs <= 0) throw error;
      if (!system.reportHolder(messageOf(error), leftMs)) {
        log.warn({ error: messageOf(error).split('\n')[0] }, 'dbt could not open the warehouse, trying again');
      }
      await systemClock.sleep(500, signal);
      continue;
    }
    system.reportHolder(null);
    await afterwards(result, turn);
    return result;
  }
}
