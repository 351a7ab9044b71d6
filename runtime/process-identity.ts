import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { orNull } from './or-null.ts';

/**
 * Distinguishes a process from a later one with the same id: its start time and, on Linux, its boot.
 * @returns null if no such process runs (a zombie does not).
 */
export function processIdentity(pid: number): string | null {
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

function linuxIdentity(pid: number): string | null {
  const fields = statFields(pid);
  const [state, startTicks] = [fields[0], fields[19]];
  if (startTicks === undefined || state === 'Z' || state === 'X') return null;
  return orNull(() => `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${startTicks}`);
}

/** Fields 3 and up of `/proc/PID/stat`; none if the process has ended, or on other systems than Linux. */
export function statFields(pid: number | 'self'): readonly string[] {
  const stat = orNull(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The name of the program before them may contain spaces and brackets.
  return stat?.replace(/^.*\)\s/s, '').split(' ') ?? [];
}

const psIdentity = (pid: number): string | null =>
  orNull(() => execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null);
