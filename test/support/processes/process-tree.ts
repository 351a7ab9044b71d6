import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** A program that runs, as `/proc` describes it. */
export interface RunningProgram {
  /** Its id and start time: no other process ever has both. */
  readonly key: string;
  /** Such as `java`; a version at the end is left out. */
  readonly name: string;
  /** What it was given. */
  readonly environment: string;
}

/** Of the flags in `/proc/PID/stat`: forked, and no program loaded since. */
const forkedOnly = 0x40;

/**
 * Every program that `pid` has started, and those that they have. A child that has been forked and has not loaded its program yet
 * is left out: until then it is a copy of its parent, and shows its parent's arguments and environment.
 */
export function programsBelow(pid: number): RunningProgram[] {
  const children = read(pid, `task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [...programOf(child), ...programsBelow(child)]);
}

function programOf(pid: number): RunningProgram[] {
  // Before the environment: what has loaded its program by now shows what that was given, and no other.
  const stat = read(pid, 'stat')
    .replace(/^.*\)\s/s, '')
    .split(' ');
  const [flags, startTicks] = [Number(stat[6]), stat[19]];
  if (startTicks === undefined || (flags & forkedOnly) !== 0) return [];
  const environment = read(pid, 'environ');
  const name = basename(read(pid, 'cmdline').split('\0')[0] ?? '').replace(/[\d.]+$/, '');
  return [{ key: `${pid}/${startTicks}`, name, environment }];
}

/** Empty when the process has ended. */
function read(pid: number, what: string): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return '';
  }
}
