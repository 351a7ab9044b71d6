/**
 * `capacity` requests in any window of `windowMs`, over everybody who shares the bucket. Waiters are served in order.
 *
 * A token is back one window after its *response*, not after its request: the server saw the request before it
 * answered, so whatever the latency, no window of the server's own can hold more than `capacity` requests.
 */
export interface TokenBucket extends AsyncDisposable {
  /** Waits for a token, in order of calls. @throws the signal's reason when it aborts first. */
  acquire(signal?: AbortSignal): Promise<Token>;
  /** The server said "slow down" (429): nobody gets a token for `ms`. A longer pause that is under way stays. */
  pause(ms: number): Promise<void>;
  /** What everybody who shares the bucket sees; looking changes nothing. @throws when that cannot be had now. */
  state(): Promise<BucketState>;
}

export interface BucketState extends RateLimit {
  /** Requests that could be sent now, were there no pause. */
  readonly tokensLeft: number;
  /** Who waits for a token. */
  readonly waiting: number;
  /** What is left of a pause; 0 without one. */
  readonly pausedMs: number;
}

/** The right to send one request, now. */
export interface Token {
  /** The response ended, or the request was given up: the token is back one window from now. Safe to call twice. */
  returned(): void;
}

export interface RateLimit {
  /** Requests, an integer >= 1. */
  readonly capacity: number;
  /** Milliseconds, > 0. */
  readonly windowMs: number;
}
