import type { Clock } from '../../runtime/clock.ts';
import type { BucketState, RateLimit, Token, TokenBucket } from './token-bucket.ts';
import { Waiters } from './waiters.ts';

const closedMessage = 'the token bucket is closed';

/**
 * The bucket of one process.
 *
 * A token is free, in use (request in flight) or cooling (answered less than a window ago). All tokens cool for the same
 * window, so they become free in the order in which they were returned: the oldest is always first in `#cooling`.
 */
export class MemoryTokenBucket implements TokenBucket {
  readonly #capacity: number;
  readonly #windowMs: number;
  readonly #clock: Clock;
  #isClosed = false;
  #free: number;
  /** Moments (monotonic ms) at which tokens are free again, ascending. */
  #cooling: number[] = [];
  readonly #waiters = new Waiters();
  #pausedUntil = 0;
  #timer: AbortController | undefined;

  /** @throws RangeError if the limit is invalid. */
  constructor(limit: RateLimit, clock: Clock) {
    if (!Number.isInteger(limit.capacity) || limit.capacity < 1 || !(limit.windowMs > 0)) {
      throw new RangeError(
        `Expected a capacity >= 1 in a window > 0 ms, got ${limit.capacity} in ${limit.windowMs} ms`,
      );
    }
    this.#capacity = limit.capacity;
    this.#free = limit.capacity; // mutant: tokens.capacity
    this.#windowMs = limit.windowMs;
    this.#clock = clock;
  }

  acquire(signal?: AbortSignal): Promise<Token> {
    if (this.#isClosed) return Promise.reject(new Error(closedMessage));
    if (signal?.aborted) return Promise.reject(signal.reason);
    const granted = this.#waiters.add(signal, () => {});
    this.#serve();
    return granted;
  }

  async pause(ms: number): Promise<void> {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.monotonic() + ms);
    this.#serve();
  }

  async state(): Promise<BucketState> {
    this.#serve();
    return {
      capacity: this.#capacity,
      windowMs: this.#windowMs,
      tokensLeft: this.#free,
      waiting: this.#waiters.length,
      pausedMs: Math.max(0, this.#pausedUntil - this.#clock.monotonic()),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.abort();
    this.#waiters.rejectAll(new Error(closedMessage));
  }

  /** Grants the tokens that are free now, and schedules the next call for the next token or the end of the pause. */
  #serve(): void {
    const now = this.#clock.monotonic();
    while (this.#cooling[0] !== undefined && this.#cooling[0] <= now) {
      this.#cooling.shift();
      this.#free += 1;
    }
    // mutant: tokens.pause
    while (now >= this.#pausedUntil && this.#free > 0 && this.#waiters.length > 0) {
      this.#free -= 1;
      this.#waiters.grant(() => this.#newToken());
    }
    this.#arrangeNext(now);
  }

  // mutant: tokens.returned
  #newToken(): Token {
    let isHeld = true;
    return {
      returned: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#cooling.push(this.#clock.monotonic() + this.#windowMs);
        this.#serve();
      },
    };
  }

  #arrangeNext(now: number): void {
    this.#timer?.abort();
    this.#timer = undefined;
    if (this.#waiters.length === 0) return;
    const nextToken = this.#free > 0 ? now : this.#cooling[0];
    // With neither a free nor a cooling token, the next return of a token calls this again.
    if (nextToken === undefined) return;
    const timer = new AbortController();
    this.#timer = timer;
    this.#clock.sleep(Math.max(nextToken, this.#pausedUntil) - now, timer.signal).then(
      () => this.#serve(),
      () => {},
    );
  }
}
