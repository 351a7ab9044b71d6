import type { Clock } from './clock.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Exponential backoff with full jitter: uniform in `[0, min(cap, base * 2^attempt))`, so that clients that failed
 * at the same time do not return at the same time (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 * @param attempt 0 for the first wait. @returns milliseconds.
 */
export const fullJitter = (attempt: number, { baseMs, capMs }: BackoffOptions, random: () => number): number =>
  random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));

/** The dependencies of a stage that retries. */
export interface RetryContext {
  readonly clock: Clock;
  readonly random: () => number;
}
