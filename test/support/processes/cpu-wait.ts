import { readFileSync } from 'node:fs';

/** How long (ms) the main threads of these processes were ready to run, in total, while others had the CPU; null if the system does not say so. */
export function cpuWaitMs(pids: readonly number[]): number | null {
  try {
    const waits = pids.map((pid) => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6);
    return waits.reduce((sum, one) => sum + one, 0);
  } catch {
    return null;
  }
}
