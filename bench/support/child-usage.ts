import { readFileSync } from 'node:fs';

const childrenOf = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);

/** From field 14 of `/proc/PID/stat`: CPU time in user mode, in the kernel, and both of ended children, in hundredths. */
function timesOf(pid: string): number[] {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return fields.slice(11, 15).map((time) => Number(time) / 100);
}

/** CPU seconds of all child processes so far, ended or not; null if the system does not report it. */
export function childrensCpuSeconds(): number | null {
  try {
    const [, , user = 0, system = 0] = timesOf('self');
    const live = childrenOf(process.pid).flatMap((pid) => timesOf(pid).slice(0, 2));
    return [user, system, ...live].reduce((sum, seconds) => sum + seconds, 0);
  } catch {
    return null;
  }
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
