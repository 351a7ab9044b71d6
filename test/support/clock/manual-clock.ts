import type { Clock } from '../../../runtime/clock.ts';

interface Sleeper {
  readonly dueAt: number;
  readonly wake: () => void;
}

/** A clock that a test controls; no wait takes real time. */
export class ManualClock implements Clock {
  #now: number;
  /** The part of the wall clock's time (ms) that it did not run through. */
  #setBy = 0;
  readonly #start: number;
  #sleepers: Sleeper[] = [];
  /** Waits for work outside of this process, such as calls to a server, before the clock advances. */
  alsoSettle: () => Promise<void> = async () => {};

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
    this.#start = start;
  }

  now(): number {
    return this.#now + this.#setBy;
  }

  /** Sets the wall clock alone, forward or back, as an administrator or NTP does. */
  set(byMs: number): void {
    this.#setBy += byMs;
  }

  monotonic(): number {
    return this.#now - this.#start;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        dueAt: this.#now + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** The number of sleepers: a test can wait until the code under test sleeps. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Advances the clock, wakes sleepers in order of their due times, and lets the work that they start run in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await this.#settle();
      const next = this.#sleepers.filter((s) => s.dueAt <= end).sort((a, b) => a.dueAt - b.dueAt)[0];
      if (!next) break;
      this.#now = Math.max(this.#now, next.dueAt);
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      next.wake();
    }
    this.#now = end;
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await settle();
    await this.alsoSettle();
  }
}

/** Lets everything run that is ready: promises first, then what they have scheduled. */
export const settle = async (): Promise<void> => {
  for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
};
