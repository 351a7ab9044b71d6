import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { orNull } from '../../../runtime/or-null.ts';
import { statFields } from '../../../runtime/process-identity.ts';

/** A running program, as described by `/proc`. */
export interface RunningProgram {
  /** Its id and start time, which identify a process. */
  readonly key: string;
  /** Such as `java`, without a version at the end. */
  readonly name: string;
  /** Its arguments and environment. */
  readonly environment: string;
}

/** A flag in `/proc/PID/stat`: forked, and no program loaded since. */
const forkedOnly = 0x40;

/**
 * All descendants of `pid`, except forked children that have not loaded their program yet: such a child is a copy of its parent,
 * and shows the parent's arguments and environment.
 */
export function programsBelow(pid: number): RunningProgram[] {
  return childrenOf(pid).flatMap((child) => [...programOf(child), ...programsBelow(child)]);
}

/** Empty if the process has ended, or on other systems than Linux. */
export const childrenOf = (pid: number): number[] =>
  read(pid, `task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

function programOf(pid: number): RunningProgram[] {
  // Read the flag before the environment: a process that has loaded its program by now shows its own environment.
  const stat = statFields(pid);
  const [flags, startTicks] = [Number(stat[6]), stat[19]];
  if (startTicks === undefined || (flags & forkedOnly) !== 0) return [];
  const environment = read(pid, 'environ');
  const name = basename(read(pid, 'cmdline').split('\0')[0] ?? '').replace(/[\d.]+$/, '');
  return [{ key: `${pid}/${startTicks}`, name, environment }];
}

/** Empty if the process has ended. */
const read = (pid: number, what: string): string => orNull(() => readFileSync(`/proc/${pid}/${what}`, 'utf8')) ?? '';
