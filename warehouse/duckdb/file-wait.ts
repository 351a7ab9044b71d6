import type { Clock } from '../../runtime/clock.ts';
import { canLookAt, describeHolder, type Holder } from '../../runtime/holder.ts';
import { describeProgram } from '../../runtime/program.ts';
import type { OnFileWait } from '../system.ts';

/** Waits shorter than this (ms) are normal and are not reported. */
const reportedAfterMs = 1_000;

/** Reports one wait, once it has lasted long enough to matter. */
export class WaitReport {
  readonly #clock: Clock;
  readonly #onWait: OnFileWait | undefined;
  readonly #isQueued: boolean;
  readonly #startedAt: number;

  /** @param isQueued whether the holders queue for the file. */
  constructor(clock: Clock, onWait: OnFileWait | undefined, isQueued: boolean) {
    this.#clock = clock;
    this.#onWait = onWait;
    this.#isQueued = isQueued;
    this.#startedAt = clock.monotonic();
  }

  /** @param holder creates the text, which requires a check of the process. @param giveUpAt monotonic milliseconds. */
  waits(path: string, holder: () => string, giveUpAt: number): void {
    const now = this.#clock.monotonic();
    const waitedMs = now - this.#startedAt;
    if (waitedMs < reportedAfterMs) return;
    this.#onWait?.({ path, holder: holder(), leftMs: giveUpAt - now, waitedMs, isQueued: this.#isQueued });
  }

  /** The call ends without the file, however short the wait was: its caller may retry. */
  givesUp(path: string, holder: string): void {
    const waitedMs = this.#clock.monotonic() - this.#startedAt;
    this.#onWait?.({ path, holder, leftMs: 0, waitedMs, isQueued: this.#isQueued });
  }

  /** This process has the file. */
  ends(): void {
    this.#onWait?.(null);
  }
}

/** The holder of the file as DuckDB names it in the message about its lock, which dbt repeats; null for any other message. */
export function holderInMessage(message: string): string | null {
  if (!/Could not set lock|Conflicting lock/i.test(message)) return null;
  const [, name, withName, alone] = /held in (?:(.+?) \(PID (\d+)\)|PID (\d+))/.exec(message) ?? [];
  const pid = Number(withName ?? alone ?? 0);
  // Across pid namespaces the kernel names no process.
  return pid > 0
    ? describeProgram(pid, name ?? null)
    : 'a process that cannot be seen from here, perhaps in another container';
}

/** The holder of the first place in the queue. */
export function describeOwner(owner: Holder | null): string {
  if (owner === null) return 'another process';
  return canLookAt(owner) ? describeProgram(owner.pid, 'process') : describeHolder(owner);
}
