import { readFileSync } from 'node:fs';
import { cpuTime } from '../../test/runner/cpu-time.ts';
import { childrenOf } from '../../test/support/processes/process-tree.ts';

/** CPU seconds of all child processes so far, ended or not; null if the system does not report it. */
export function childrensCpuSeconds(): number | null {
  const time = cpuTime();
  return time && childrenOf(process.pid).reduce((sum, pid) => sum + (cpuTime(pid)?.self ?? 0), time.descendants);
}

/**
 * Reads the resident memory of the child processes ten times a second, until it is disposed: the largest of their lives, or, as `VmRSS`,
 * the present one.
 */
export class ChildMemory implements Disposable {
  readonly #line: RegExp;
  readonly #timer = setInterval(() => this.#read(), 100);
  /** 0 if the system does not report it. */
  peakMegabytes = 0;

  constructor(field: 'VmHWM' | 'VmRSS' = 'VmHWM') {
    this.#line = new RegExp(`^${field}:\\s+(\\d+)`, 'm');
  }

  #read(): void {
    try {
      for (const pid of childrenOf(process.pid)) {
        const [, kilobytes] = this.#line.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
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
