import { afterAll } from 'vitest';
import { dbtCpuSeconds } from '../support/dbt/server/cpu.ts';
import { cpuSeconds } from './cpu-time.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** CPU seconds of the test file, of the processes that it started and that have ended, and of their dbt. */
    cpuSeconds?: number;
  }
}

// A worker without isolation runs several files in one process.
const before = (cpuSeconds() ?? 0) + dbtCpuSeconds(process.pid);

// Setup files register first, and hooks run in reverse: the file's own hooks have closed what they opened by now.
// biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures a hook uses.
afterAll(({}, suite) => {
  const seconds = cpuSeconds();
  if (seconds !== null) suite.meta.cpuSeconds = seconds + dbtCpuSeconds(process.pid) - before;
});
