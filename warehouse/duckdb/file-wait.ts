import type { Clock } from '../../runtime/clock.ts';
import { canLookAt, describeHolder, type Holder } from '../../runtime/holder.ts';
import { describeProgram } from '../../runtime/program.ts';

/** Another process has the DuckDB file, and this one waits for it. */
export interface FileWait {
  /** The file. */
  readonly path: string;
  /** For a person: its program and pid. */
  readonly holder: string;
  /** How long (ms) this call still waits for it at most; 0 if it gives up. */
  readonly leftMs: number;
  /** How long (ms) this call has waited so far. */
  readonly waitedMs: number;
  /** Whether the holder queues for the file as we do: it lets others in after its batch or its command of dbt. */
  readonly isQueued: boolean;
}

/** Called while a call waits, several times a second; with null as soon as the file is ours. A call that gives up calls nothing more. */
export type OnFileWait = (wait: FileWait | null) => void;

/** Waits shorter than this are the usual taking of turns, and are not reported (ms). */
const reportedAfterMs = 1_000;

/** Reports one wait, once it has lasted long enough to be news. */
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

  /** @param holder makes the text, which costs a look at the process. @param giveUpAt monotonic milliseconds. */
  waits(path: string, holder: () => string, giveUpAt: number): void {
    const now = this.#clock.monotonic();
    const waitedMs = now - this.#startedAt;
    if (waitedMs < reportedAfterMs) return;
    this.#onWait?.({ path, holder: holder(), leftMs: giveUpAt - now, waitedMs, isQueued: this.#isQueued });
  }

  /** The call ends without the file, however short it waited: its caller may try again and again. */
  givesUp(path: string, holder: string): void {
    const waitedMs = this.#clock.monotonic() - this.#startedAt;
    this.#onWait?.({ path, holder, leftMs: 0, waitedMs, isQueued: this.#isQueued });
  }

  /** The file is ours. */
  ends(): void {
    this.#onWait?.(null);
  }
}

/** Who has the file, as DuckDB names it in the message about its lock, and dbt repeats it. null if the message is about something else. */
export function holderInMessage(message: string): string | null {
  if (!/Could not set lock|Conflicting lock/i.test(message)) return null;
  const [, name, withName, alone] = /held in (?:(.+?) \(PID (\d+)\)|PID (\d+))/.exec(message) ?? [];
  const pid = Number(withName ?? alone ?? 0);
  // Across pid namespaces the kernel names no process.
  return pid > 0
    ? describeProgram(pid, name ?? null)
    : 'a process that cannot be seen from here, perhaps in another container';
}

/** Who has the first place in the queue. */
export function describeOwner(owner: Holder | null): string {
  if (owner === null) return 'another process';
  return canLookAt(owner) ? describeProgram(owner.pid, 'process') : describeHolder(owner);
}
