import { setImmediate } from 'node:timers/promises';

const maxBusyMs = 20;

/** Yields regularly during long work, so that timers, signals and heartbeats run. */
export class Breather {
  #since = performance.now();

  /** Returns at once unless the last pause was too long ago. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#since < maxBusyMs) return;
    await setImmediate();
    this.#since = performance.now();
  }
}
