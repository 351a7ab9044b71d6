import type { Dbt, DbtEnvironment } from './dbt.ts';
import { OneCommandAtATime } from './one-command-at-a-time.ts';
import { ProcessPerCommand } from './process-per-command.ts';
import { type WarmBounds, WarmProcess } from './warm-process.ts';

/** Each command in a process of its own: for whoever runs dbt once. */
export const openColdDbt = (place: DbtEnvironment): Dbt => new OneCommandAtATime(place, new ProcessPerCommand(place));

/**
 * All commands in one process, which starts with the first, spares the others dbt's start and parsing, and ends with
 * us, also when we are killed. It is replaced when it has died or has grown beyond its bounds.
 */
export const openWarmDbt = (place: DbtEnvironment, bounds: Partial<WarmBounds> = {}): Dbt =>
  new OneCommandAtATime(place, new WarmProcess(place, bounds));
