import type { Clock } from '../../runtime/clock.ts';

/** Runs one action, never twice at a time, by the moments that it is set to. Moments are monotonic ms. */
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

  /** The action runs by `at`, or sooner if it was set to sooner. While it runs, it is set for the time after. */
  by(at: number): void {
    if (this.#isStopped || at >= this.#dueAt) return;
    this.#dueAt = at;
    this.#nap?.abort();
    this.#running ??= this.#run();
  }

  /** Whatever it is set to, it does not run before `at`. */
  notBefore(at: number): void {
    this.#notBefore = at;
  }

  /** Nothing runs once this is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#nap?.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    // One turn for all that happens at the same time as the first.
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
    // A timer takes whole milliseconds, and cuts off the rest.
    await this.#clock.sleep(Math.ceil(ms), nap.signal).catch(() => {});
    this.#nap = undefined;
  }
}
