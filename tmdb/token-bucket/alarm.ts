import type { Clock } from '../../runtime/clock.ts';

/** Runs one action at scheduled moments, never twice at a time. Moments are monotonic ms. */
export class Alarm {
  readonly #clock: Clock;
  readonly #action: () => Promise<void>;
  #dueAt = Number.POSITIVE_INFINITY;
  #notBefore = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  #nap: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(clock: Clock, action: () => Promise<void>) {
    this.#clock = clock;
    this.#action = action;
  }

  /** The action runs at `at`, or earlier if an earlier moment is scheduled. During a run, this schedules the next one. */
  wakeBy(at: number): void {
    if (this.#isStopped || at >= this.#dueAt) return;
    this.#dueAt = at;
    this.#nap?.abort();
    this.#running ??= this.#run();
  }

  /** The action does not run before `at`, whatever is scheduled. */
  notBefore(at: number): void {
    this.#notBefore = at;
  }

  /** After this resolves, the action does not run again. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#nap?.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    // All events of the same moment share one run.
    await Promise.resolve();
    while (!this.#isStopped && this.#dueAt < Number.POSITIVE_INFINITY) {
      const waitMs = Math.max(this.#dueAt, this.#notBefore) - this.#clock.monotonic();
      if (waitMs > 0) {
        await this.#sleep(waitMs);
      } else {
        this.#dueAt = Number.POSITIVE_INFINITY;
        await this.#action();
      }
    }
    this.#running = undefined;
  }

  async #sleep(ms: number): Promise<void> {
    const nap = new AbortController();
    this.#nap = nap;
    // A timer takes whole milliseconds and truncates the rest.
    await this.#clock.sleep(Math.ceil(ms), nap.signal).catch(() => {});
    this.#nap = undefined;
  }
}
