import type { RateLimit } from './token-bucket.ts';

/**
 * The store of a shared bucket. A sync is atomic, and the syncs of all callers are serialised.
 * If a sync throws, it is unknown whether it happened: the same reports are sent again (all of them are idempotent), and
 * tokens that it may have granted are returned unused.
 */
export interface TokenStore extends AsyncDisposable {
  /** Its address, for messages; without credentials. */
  readonly name: string;
  /** @throws TokenBucketUnavailableError, TokenBucketRefusedError */
  sync(request: SyncRequest): Promise<SyncReply>;
}

/** What one process reports since its last sync, and what it requests. Tokens are named `CALL:INDEX`. */
export interface SyncRequest {
  /** Identifies this process only. */
  readonly consumer: string;
  /** Never used twice by the process, so that token names are unique even if the store loses data. */
  readonly call: number;
  readonly reports: PendingSnapshot;
  /** How many tokens the process waits for. Each waiter has its place in the queue from the first sync that includes it. */
  readonly wanted: number;
  /** Applied if `decides` is set and no process with a higher stamp has decided. */
  readonly limit: RateLimit;
  readonly decides: boolean;
  readonly stamp: number;
  /** A token that is not returned is free after this time and a window. */
  readonly requestTimeoutMs: number;
  /** A process that waits and has not called for this long loses its places. */
  readonly staleMs: number;
  /** How long the report of a return may be delayed. */
  readonly reportDelayMs: number;
  readonly longestPauseMs: number;
}

export interface PendingSnapshot {
  /** Granted, not returned yet: counts even if the store lost it. */
  readonly held: readonly string[];
  /** The response arrived `agoMs` before this call was sent: cools from then on. */
  readonly returned: readonly { readonly id: string; readonly agoMs: number }[];
  /** Granted but never used: free at once. */
  readonly unused: readonly string[];
  /** 0 for no pause. */
  readonly pauseMs: number;
  /** By how much the store's clock was set forward, at most: all tokens are free as much later. Repeating it only costs time. */
  readonly clockStepMs: number;
}

export interface SyncReply {
  /** How many tokens were granted: `CALL:0`, `CALL:1`, ... */
  readonly granted: number;
  /** The earliest moment at which the next token can be due to this process, from now; null if it waits for none. */
  readonly waitMs: number | null;
  /** The store's clock during the sync. */
  readonly nowMs: number;
  /** The stamp for a process that starts now. */
  readonly stamp: number;
  /** The limit in force. */
  readonly limit: RateLimit;
  readonly tokensLeft: number;
  readonly waiting: number;
  readonly pausedMs: number;
  /** The store had lost data (or is new): no process gets a token for one window. */
  readonly isLost: boolean;
  /** Tokens whose time was beyond the possible maximum: another program wrote into the store, or its clock was set back. */
  readonly tooFar: number;
}
