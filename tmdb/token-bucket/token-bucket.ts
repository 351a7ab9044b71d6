/**
 * `capacity` requests in any window of `windowMs`, over all processes that share the bucket. Waiters are served in order.
 *
 * A token returns one window after its *response*, not after its request. The server saw the request before it
 * answered, so whatever the latency, no window of the server can contain more than `capacity` requests.
 */
export interface TokenBucket extends AsyncDisposable {
  /** Waits for a token, in order of calls. @throws the signal's reason if it aborts first. */
  acquire(signal?: AbortSignal): Promise<Token>;
  /** The server answered 429: no process gets a token for `ms`. A longer pause that is in force stays. */
  pause(ms: number): Promise<void>;
  /** The state of the shared bucket; reading it changes nothing. @throws if it is not available now. */
  state(): Promise<BucketState>;
}

export interface BucketState extends RateLimit {
  /** Requests that could be sent now without the pause. */
  readonly tokensLeft: number;
  /** The number of waiters. */
  readonly waiting: number;
  /** The rest of a pause; 0 without one. */
  readonly pausedMs: number;
}

/** The right to send one request now. */
export interface Token {
  /** The response has ended, or the request was given up: the token returns one window from now. Safe to call twice. */
  returned(): void;
}

export interface RateLimit {
  /** Requests, an integer >= 1. */
  readonly capacity: number;
  /** Milliseconds, > 0. */
  readonly windowMs: number;
}

/** How long (ms) this number of requests takes at the limit, in the long run. */
export const durationAt = ({ capacity, windowMs }: RateLimit, requests: number): number =>
  (requests / capacity) * windowMs;
