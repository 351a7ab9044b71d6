import { systemClock } from '../runtime/clock.ts';
import type { Health } from '../runtime/health.ts';
import { formatDuration } from '../runtime/units.ts';
import type { FileWait, OnFileWait } from '../warehouse/duckdb/file-wait.ts';
import { duckDbSystem } from '../warehouse/duckdb/system.ts';
import { snowflakeSystem } from '../warehouse/snowflake/system.ts';
import type { WarehouseSystem } from '../warehouse/system.ts';
import type { Config } from './config.ts';
import type { Context } from './platform.ts';

interface Changes extends Partial<Config['warehouse']> {
  /** Whether the caller only looks. Then it waits little longer than `lockWaitMs`, and reports no wait. */
  readonly isLook?: boolean;
}

/** The warehouse of this context. @param changes settings that differ from the configuration. */
export function warehouseSystem(context: Context, changes: Changes = {}): WarehouseSystem {
  const { config, signal } = context;
  const { snowflake, ...duckdb } = { ...config.warehouse, ...changes };
  if (snowflake) return snowflakeSystem(snowflake, systemClock, signal);
  return duckDbSystem(duckdb, systemClock, signal, changes.isLook ? undefined : fileWatch(context));
}

/** One for each process, identified by its `Health`, because several stages wait for the same file. */
const watches = new WeakMap<Health, OnFileWait>();

function fileWatch(context: Context): OnFileWait {
  const { health } = context;
  const existing = watches.get(health);
  if (existing) return existing;
  const watch = createFileWatch(context);
  watches.set(health, watch);
  return watch;
}

/** How long (ms) another process of tmdb-stream may hold the file before the wait counts as a problem: a usual build of dbt. */
const usualHoldMs = 30_000;

const isUsual = ({ isQueued, waitedMs, leftMs }: FileWait): boolean => isQueued && leftMs > 0 && waitedMs < usualHoldMs;

/**
 * Reports that another process has the DuckDB file. A terminal shows each holder once. If the wait is not a usual one between our own
 * processes, this process is not ready, with the reason, and the log has one line for each holder and one at the end.
 */
export function createFileWatch(context: Pick<Context, 'health' | 'log' | 'metrics' | 'progress'>): OnFileWait {
  const { health, log, metrics, progress } = context;
  let shown: string | null = null;
  let problem: FileWait | null = null;
  health.dependsOn('warehouse', async () => {
    if (problem) throw new Error(`waiting for ${problem.path}: it is held by ${problem.holder}`);
  });
  return (wait) => {
    if (wait === null) {
      if (problem) log.info({ path: problem.path }, 'the DuckDB file is available again');
      [shown, problem] = [null, null];
    } else if (isUsual(wait)) {
      if (wait.holder !== shown) progress.hint(describeWait(wait));
      shown = wait.holder;
    } else {
      const { path, holder, leftMs } = wait;
      if (holder !== problem?.holder) log.warn({ path, holder, waitMs: Math.round(leftMs) }, describeWait(wait));
      problem = wait;
    }
    metrics.warehouseHeld.set(wait ? 1 : 0);
  };
}

function describeWait({ path, holder, leftMs }: FileWait): string {
  const waiting = leftMs > 0 ? `: waiting up to ${formatDuration(leftMs)} for it` : '';
  return `${path} is held by ${holder}${waiting}`;
}
