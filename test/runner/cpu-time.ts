import { readFileSync } from 'node:fs';

/** Clock ticks per second in /proc: Linux fixes USER_HZ at 100 on every platform that Node supports. */
const ticksPerSecond = 100;

/** CPU seconds of a process and of its descendants. */
interface CpuTime {
  /** The process itself. */
  readonly self: number;
  /** Its descendants that have ended and were waited for, up to the root of the tree. */
  readonly descendants: number;
}

/** CPU time so far, user and system; null if the process has ended, or without /proc, such as on macOS. @param pid this process by default. */
export function cpuTime(pid: string | number = 'self'): CpuTime | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field, the command's name, may contain spaces and brackets, so count the fields after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const seconds = (index: number): number => Number(fields[index]) / ticksPerSecond;
  // utime, stime, cutime and cstime are fields 14 to 17 of proc(5), and what follows the name starts at field 3.
  return { self: seconds(11) + seconds(12), descendants: seconds(13) + seconds(14) };
}

/** CPU seconds of this process and of its descendants that have ended; null if they cannot be measured. */
export function cpuSeconds(): number | null {
  const time = cpuTime();
  return time && time.self + time.descendants;
}
