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
  /** Only a look: it waits little longer than `lockWaitMs`, and reports no wait. */
  readonly isLook?: boolean;
}

/** The warehouse of this context. @param changes what is to be otherwise than configured. */
export function warehouseSystem(context: Context, changes: Changes = {}): WarehouseSystem {
  const { config, signal } = context;
  const { snowflake, ...duckdb } = { ...config.warehouse, ...changes };
  if (snowflake) return snowflakeSystem(snowflake, systemClock, signal);
  return duckDbSystem(duckdb, systemClock, signal, changes.isLook ? undefined : fileWatch(context));
}

/** One for each process, which its health stands for: several stages wait for the one file. */
const watches = new WeakMap<Health, OnFileWait>();

function fileWatch(context: Context): OnFileWait {
  const { health } = context;
  const existing = watches.get(health);
  if (existing) return existing;
  const watch = createFileWatch(context);
  watches.set(health, watch);
  return watch;
}

/**
 * While another process has the DuckDB file: not ready, with the reason; one line of the log for each holder and one when
 * the wait is over; and a gauge.
 */
export function createFileWatch({ health, log, metrics }: Pick<Context, 'health' | 'log' | 'metrics'>): OnFileWait {
  let current: FileWait | null = null;
  health.dependsOn('warehouse', async () => {
    if (current) throw new Error(`waiting for ${current.path}: it is held by ${current.holder}`);
  });
  return (wait) => {
    if (wait && wait.holder !== current?.holder) {
      const { path, holder, leftMs } = wait;
      const waiting = leftMs > 0 ? `: waiting up to ${formatDuration(leftMs)} for it` : '';
      const text = `${path} is held by ${holder}${waiting}`;
      log.warn({ path, holder, waitMs: Math.round(leftMs) }, text);
    }
    if (!wait && current) log.info({ path: current.path }, 'the DuckDB file is ours again');
    current = wait;
    metrics.warehouseHeld.set(wait ? 1 : 0);
  };
}
