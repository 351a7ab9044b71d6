import type { Clock } from '../../runtime/clock.ts';
import type { PendingSnapshot } from './token-store.ts';

/** Beyond this number, unused tokens of unanswered calls are not returned: they expire in the store. */
const mostUnused = 1_000;

/** What a process has to report to the store. A report stays until the store has received it. */
export class PendingReports {
  readonly #clock: Clock;
  readonly #held = new Set<string>();
  /** Token → monotonic ms of its response. */
  readonly #returned = new Map<string, number>();
  readonly #unused = new Set<string>();
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #clockStepMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isHolding(): boolean {
    return this.#held.size > 0;
  }

  /** Whether the store has not received something yet that forbids the use of grants: the end of a pause, or a step of its clock. */
  get isBlocking(): boolean {
    return this.#clockStepMs > 0 || this.#pausedUntil > this.#clock.monotonic();
  }

  get isEmpty(): boolean {
    return this.#returned.size === 0 && this.#unused.size === 0 && !this.isBlocking;
  }

  hold(token: string): void {
    this.#held.add(token);
  }

  /** @returns whether the token was in use. */
  giveBack(token: string): boolean {
    if (!this.#held.delete(token)) return false;
    this.#returned.set(token, this.#clock.monotonic());
    return true;
  }

  giveBackUnused(token: string): void {
    this.#unused.add(token);
    const [oldest] = this.#unused;
    if (this.#unused.size > mostUnused && oldest !== undefined) this.#unused.delete(oldest);
  }

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.monotonic() + ms);
  }

  clockStep(ms: number): void {
    this.#clockStepMs += ms;
  }

  /** All pending reports, and a function to call once the store has received them; later reports stay pending. */
  snapshot(): { readonly reports: PendingSnapshot; readonly reported: () => void } {
    const now = this.#clock.monotonic();
    const pausedUntil = this.#pausedUntil;
    const clockStepMs = this.#clockStepMs;
    const reports = {
      held: [...this.#held],
      returned: [...this.#returned].map(([id, at]) => ({ id, agoMs: now - at })),
      unused: [...this.#unused],
      pauseMs: Math.max(0, pausedUntil - now),
      clockStepMs,
    };
    const reported = () => {
      this.#clockStepMs -= clockStepMs;
      for (const { id } of reports.returned) this.#returned.delete(id);
      for (const id of reports.unused) this.#unused.delete(id);
      if (this.#pausedUntil === pausedUntil) this.#pausedUntil = Number.NEGATIVE_INFINITY;
    };
    return { reports, reported };
  }
}
