import { setTimeout as delay } from 'node:timers/promises';

/** Time as the stages see it, so that tests can turn the hands. */
export interface Clock {
  /** Milliseconds since the epoch (UTC): what is recorded. May jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds since some fixed moment: what is measured. Never jumps and never runs backwards. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
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
