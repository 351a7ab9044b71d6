import type { RateLimit } from './token-bucket.ts';

/**
 * Where a fleet keeps the bucket it shares. A turn happens as a whole or not at all, and one at a time over all callers.
 * When it throws, nobody knows whether it happened: what was told is told again (all of it is safe to tell twice), and
 * tokens that it may have granted are given back unused.
 */
export interface TokenStore extends AsyncDisposable {
  /** Where it is, for people; without credentials. */
  readonly name: string;
  /** @throws TokenBucketUnavailableError, TokenBucketRefusedError */
  turn(request: TurnRequest): Promise<TurnAnswer>;
}

/** What one process has to say since its last turn, and what it would like. Tokens are called `CALL:INDEX`. */
export interface TurnRequest {
  /** Names the process, and never another. */
  readonly consumer: string;
  /** Never used twice by the process, so that a token's name is not either, whatever the store forgets. */
  readonly call: number;
  readonly notes: PendingSnapshot;
  /** How many tokens the process waits for. Each has its place in line from the turn on that tells of it. */
  readonly wanted: number;
  /** Obeyed when `decides` and no process with a higher stamp has decided. */
  readonly limit: RateLimit;
  readonly decides: boolean;
  readonly stamp: number;
  /** A token that is not returned is back after this and a window. */
  readonly requestTimeoutMs: number;
  /** Whoever waits and has not called for this long loses its places. */
  readonly staleMs: number;
  /** How long a return may go untold. */
  readonly noteMs: number;
  readonly longestPauseMs: number;
}

export interface PendingSnapshot {
  /** Granted, not yet returned: counts even if the store lost it. */
  readonly held: readonly string[];
  /** The response came `agoMs` before this call was sent: cools from then on. */
  readonly returned: readonly { readonly id: string; readonly agoMs: number }[];
  /** Granted, and certain never to have been used: free at once. */
  readonly unused: readonly string[];
  /** 0: none. */
  readonly pauseMs: number;
}

export interface TurnAnswer {
  /** How many tokens were granted: `CALL:0`, `CALL:1`, ... */
  readonly granted: number;
  /** The earliest moment at which the next token can be due to this process, from now; null when it waits for none. */
  readonly waitMs: number | null;
  /** The stamp of a process that starts now. */
  readonly stamp: number;
  /** The limit in force. */
  readonly limit: RateLimit;
  readonly tokensLeft: number;
  readonly waiting: number;
  readonly pausedMs: number;
  /** The store had forgotten something (or is new): nobody gets a token for one window. */
  readonly isLost: boolean;
  /** Tokens that would have been back later than any can be: somebody wrote into the store, or set its clock back. */
  readonly tooFar: number;
}
