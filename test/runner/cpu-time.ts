import { statFields } from '../../runtime/process-identity.ts';

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
export function cpuTime(pid: number | 'self' = 'self'): CpuTime | null {
  const fields = statFields(pid);
  if (fields.length === 0) return null;
  const seconds = (index: number): number => Number(fields[index]) / ticksPerSecond;
  // utime, stime, cutime and cstime are fields 14 to 17 of proc(5).
  return { self: seconds(11) + seconds(12), descendants: seconds(13) + seconds(14) };
}

/** CPU seconds of this process and of its descendants that have ended; null if they cannot be measured. */
export function cpuSeconds(): number | null {
  const time = cpuTime();
  return time && time.self + time.descendants;
}
