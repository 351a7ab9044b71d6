import type { Clock } from '../../runtime/clock.ts';
import type { PendingSnapshot } from './token-store.ts';

/** More tokens of calls without an answer are not given back: they run out by themselves. */
const mostUnused = 1_000;

/** What a process has to tell the store. A note stays until it was told. */
export class PendingReports {
  readonly #clock: Clock;
  readonly #held = new Set<string>();
  /** Token → monotonic ms of its response. */
  readonly #returned = new Map<string, number>();
  readonly #unused = new Set<string>();
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isHolding(): boolean {
    return this.#held.size > 0;
  }

  /** Whether the store still has to hear of a pause. */
  get isPausing(): boolean {
    return this.#pausedUntil > this.#clock.monotonic();
  }

  get isEmpty(): boolean {
    return this.#returned.size === 0 && this.#unused.size === 0 && !this.isPausing;
  }

  hold(token: string): void {
    this.#held.add(token);
  }

  /** @returns whether it was held. */
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

  /** All that is noted, and what to call once it was told; what is noted in between stays. */
  snapshot(): { readonly notes: PendingSnapshot; readonly told: () => void } {
    const now = this.#clock.monotonic();
    const pausedUntil = this.#pausedUntil;
    const notes = {
      held: [...this.#held],
      returned: [...this.#returned].map(([id, at]) => ({ id, agoMs: now - at })),
      unused: [...this.#unused],
      pauseMs: Math.max(0, pausedUntil - now),
    };
    const told = () => {
      for (const { id } of notes.returned) this.#returned.delete(id);
      for (const id of notes.unused) this.#unused.delete(id);
      if (this.#pausedUntil === pausedUntil) this.#pausedUntil = Number.NEGATIVE_INFINITY;
    };
    return { notes, told };
  }
}
