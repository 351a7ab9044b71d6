import { readFileSync } from 'node:fs';
import { cpuTime } from '../../test/runner/cpu-time.ts';
import { childrenOf } from '../../test/support/processes/process-tree.ts';

/** CPU seconds of all child processes so far, ended or not; null if the system does not report it. */
export function childrensCpuSeconds(): number | null {
  const time = cpuTime();
  return time && childrenOf(process.pid).reduce((sum, pid) => sum + (cpuTime(pid)?.self ?? 0), time.descendants);
}

/** Reads the largest resident memory of the child processes ten times a second, until it is disposed. */
export class ChildMemory implements Disposable {
  readonly #timer = setInterval(() => this.#read(), 100);
  /** 0 if the system does not report it. */
  peakMegabytes = 0;

  #read(): void {
    try {
      for (const pid of childrenOf(process.pid)) {
        const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
        this.peakMegabytes = Math.max(this.peakMegabytes, Math.round(Number(kilobytes ?? 0) / 1_024));
      }
    } catch {
      // A child that has just ended, or another system.
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
