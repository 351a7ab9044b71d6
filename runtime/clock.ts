import { setTimeout as delay } from 'node:timers/promises';

/** Time for the stages, so that tests can control it. */
export interface Clock {
  /** Milliseconds since the epoch (UTC), for timestamps. May jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds since a fixed moment, for durations. Never jumps and never runs backwards. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason if it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal && { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
