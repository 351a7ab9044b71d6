import type { RateLimit } from '../tmdb/token-bucket/token-bucket.ts';

/**
 * The strictest reading of "`capacity` requests in any window": a request is refused if `capacity` others arrived
 * less than a window before it, and refused ones count like any other (as in TMDb's own messages: "your request count
 * (54) is over the allowed limit of 40"). So a client that retries without a pause is never admitted.
 *
 * A window is half-open: a request exactly `windowMs` after another is not in the same window. Only the last
 * `capacity` arrivals are stored, whatever the traffic.
 */
export class SlidingWindow {
  readonly #windowMs: number;
  /** A ring: `#next` is the position of the oldest arrival, which the newest replaces. */
  readonly #arrivals: Float64Array;
  #next = 0;

  /** @throws RangeError if the limit is invalid. */
  constructor({ capacity, windowMs }: RateLimit) {
    if (!Number.isInteger(capacity) || capacity < 1 || !(windowMs > 0)) {
      throw new RangeError(`Expected a capacity >= 1 in a window > 0 ms, got ${capacity} in ${windowMs} ms`);
    }
    this.#windowMs = windowMs;
    this.#arrivals = new Float64Array(capacity).fill(Number.NEGATIVE_INFINITY);
  }

  /**
   * Counts a request that arrives at `nowMs` (monotonic, never less than before).
   * @returns 0 if it is admitted, otherwise the milliseconds without requests after which the next one would be.
   */
  arrive(nowMs: number): number {
    const isFull = this.#oldest() + this.#windowMs > nowMs;
    this.#arrivals[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.#arrivals.length;
    return isFull ? this.#oldest() + this.#windowMs - nowMs : 0;
  }

  #oldest(): number {
    return this.#arrivals[this.#next] ?? Number.NEGATIVE_INFINITY;
  }
}

/** Beyond this number of arrivals in one window, the count stays constant: at most 8 MB of memory. */
const mostCounted = 1 << 20;

/** The largest number of arrivals in any window, refused ones included. Memory depends on the busiest window, up to a limit. */
export class BusiestWindow {
  readonly #windowMs: number;
  /** A ring of the arrivals in the window that ends now: `#count` of them, starting at `#first`. */
  #arrivals = new Float64Array(64);
  #first = 0;
  #count = 0;
  #most = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get most(): number {
    return this.#most;
  }

  arrive(nowMs: number): void {
    while (this.#count > 0 && this.#at(0) + this.#windowMs <= nowMs) this.#dropOldest();
    if (this.#count === mostCounted) this.#dropOldest();
    if (this.#count === this.#arrivals.length) this.#grow();
    this.#arrivals[(this.#first + this.#count) % this.#arrivals.length] = nowMs;
    this.#count += 1;
    this.#most = Math.max(this.#most, this.#count);
  }

  #at(index: number): number {
    return this.#arrivals[(this.#first + index) % this.#arrivals.length] ?? 0;
  }

  #dropOldest(): void {
    this.#first = (this.#first + 1) % this.#arrivals.length;
    this.#count -= 1;
  }

  #grow(): void {
    const larger = new Float64Array(this.#arrivals.length * 2);
    for (let index = 0; index < this.#count; index += 1) larger[index] = this.#at(index);
    this.#arrivals = larger;
    this.#first = 0;
  }
}
