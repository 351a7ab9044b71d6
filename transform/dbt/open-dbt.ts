import type { Dbt, DbtEnvironment } from './dbt.ts';
import { OneCommandAtATime } from './one-command-at-a-time.ts';
import { ProcessPerCommand } from './process-per-command.ts';
import { type WarmBounds, WarmProcess } from './warm-process.ts';

/** One process for each command: for commands that run dbt once. */
export const openColdDbt = (place: DbtEnvironment): Dbt => new OneCommandAtATime(place, new ProcessPerCommand(place));

/**
 * All commands in one process. It starts with the first command, saves the others dbt's start and parsing, and ends when this process
 * ends, also after a kill. It is replaced when it has died or exceeds its limits.
 */
export const openWarmDbt = (place: DbtEnvironment, bounds: Partial<WarmBounds> = {}): Dbt =>
  new OneCommandAtATime(place, new WarmProcess(place, bounds));
