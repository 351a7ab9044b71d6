import { systemClock } from '../runtime/clock.ts';
import type { Health } from '../runtime/health.ts';
import { formatDuration } from '../runtime/units.ts';
import { openWarehouse } from '../warehouse/registry.ts';
import type {
  FileWait,
  GoldSource,
  OnFileWait,
  TransformTarget,
  WarehouseAccess,
  WarehouseSystem,
} from '../warehouse/system.ts';
import type { Context } from './context.ts';

/** The configured warehouse, for stages, replays and reports. */
export const warehouseAccess = (context: Context): WarehouseAccess => systemOf(context);

/** The configured warehouse, for running dbt and publishing GOLD. */
export const transformTarget = (context: Context): TransformTarget => systemOf(context);

/** The configured warehouse, for readers of GOLD. */
export const goldSource = (context: Context): GoldSource => systemOf(context);

/** One for each context. A part that runs with a signal of its own has its own context, so its waits end with its signal. */
const systems = new WeakMap<Context, WarehouseSystem>();

function systemOf(context: Context): WarehouseSystem {
  const existing = systems.get(context);
  if (existing) return existing;
  const { config, signal } = context;
  const use = { clock: systemClock, retentionMs: config.tmdb.retentionMs, signal, watchFile: () => fileWatch(context) };
  const system = openWarehouse(config.warehouse, use);
  systems.set(context, system);
  return system;
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

/** What a terminal shows of a wait. */
interface Shown {
  readonly holder: string;
  readonly line: Disposable;
}

/**
 * Reports that another process has the DuckDB file. A terminal shows the holder, and how long the wait lasts. If the wait is not a usual one between our own
 * processes, this process is not ready, with the reason, and the log has one line for each holder and one at the end.
 */
export function createFileWatch(context: Pick<Context, 'health' | 'log' | 'metrics' | 'progress'>): OnFileWait {
  const { health, log, metrics, progress } = context;
  let shown: Shown | null = null;
  let problem: FileWait | null = null;
  const show = (holder: string | null) => {
    if (holder === (shown?.holder ?? null)) return;
    shown?.line[Symbol.dispose]();
    const line = () => progress.busy('file', `waiting for ${holder}, which has the DuckDB file`);
    shown = holder === null ? null : { holder, line: line() };
  };
  health.dependsOn('warehouse', async () => {
    if (problem) throw new Error(`waiting for ${problem.path}: it is held by ${problem.holder}`);
  });
  return (wait) => {
    if (wait === null) {
      if (problem) log.info({ path: problem.path }, 'the DuckDB file is available again');
      problem = null;
      show(null);
    } else if (isUsual(wait)) {
      show(wait.holder);
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
