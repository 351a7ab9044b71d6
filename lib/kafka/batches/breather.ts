import { setImmediate } from 'node:timers/promises';

const maxBusyMs = 20;

/** Lets others run now and then during long work: timers, signals and the heartbeats of consumers. */
export class Breather {
  #since = performance.now();

  /** Returns at once, unless the last pause was long ago. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#since < maxBusyMs) return;
    await setImmediate();
    this.#since = performance.now();
  }
}
