import { randomUUID } from 'node:crypto';
import { IngestError, messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { fullJitter, type RetryContext } from '../../runtime/retry.ts';
import { Alarm } from './alarm.ts';
import { PendingReports } from './pending-reports.ts';
import { StoreClock } from './store-clock.ts';
import type { BucketState, RateLimit, Token, TokenBucket } from './token-bucket.ts';
import type { SyncReply, SyncRequest, TokenStore } from './token-store.ts';
import { Waiters } from './waiters.ts';

export interface SharedBucketOptions {
  /** The limit of the whole fleet. The process that started last decides, as soon as it asks for a token. */
  readonly limit: RateLimit;
  /** No request takes longer: a token of a dead process returns after this time and a window. */
  readonly requestTimeoutMs: number;
  readonly log: Logger;
}

/** A process that waits or holds a token calls at least this often. This shows that it is alive, and detects an unreachable store. */
const heartbeatMs = 500;
/** Four heartbeats: a short pause of the process costs no place in the queue, and a dead process does not block others for long. */
const staleMs = 2_000;
const longestPauseMs = 60_000;
/** Further waiters have no place in the queue yet, which bounds the cost of a call. */
const mostWanted = 1_000;
const backoff = { baseMs: 100, capMs: 5_000 };
const closeWithinMs = 2_000;
const closedMessage = 'the token bucket is closed';

interface Observer {
  readonly resolve: (answer: SyncReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One process's side of a bucket that a fleet shares. The store decides everything, by its clock. This class holds the waiters,
 * in order, and makes one call to the store at a time. The next call reports everything that happens meanwhile, so there is about one
 * call for each token, fewer under load, and none while nothing waits and no token is in use.
 *
 * While the store does not answer, no process gets a token.
 */
export class SharedTokenBucket implements TokenBucket {
  readonly #store: TokenStore;
  readonly #options: SharedBucketOptions;
  readonly #context: RetryContext;
  readonly #consumer = randomUUID();
  readonly #waiters = new Waiters();
  readonly #reports: PendingReports;
  readonly #alarm: Alarm;
  readonly #storeClock = new StoreClock();
  #observers: Observer[] = [];
  #calls = 0;
  #stamp = 0;
  #windowMs: number;
  /** A process that only reads the state does not set the limit. */
  #hasJoined = false;
  /** The largest number of places in the queue that the store may have for this process. */
  #places = 0;
  #failure: { readonly error: unknown; readonly since: number; attempts: number } | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  private constructor(store: TokenStore, options: SharedBucketOptions, context: RetryContext) {
    this.#store = store;
    this.#options = options;
    this.#context = context;
    this.#windowMs = options.limit.windowMs;
    this.#reports = new PendingReports(context.clock);
    this.#alarm = new Alarm(context.clock, () => this.#sync());
  }

  /** Checks that the store answers. Disposing of the bucket disposes of the store. @throws what the store throws. */
  static async open(
    store: TokenStore,
    options: SharedBucketOptions,
    context: RetryContext,
  ): Promise<SharedTokenBucket> {
    const bucket = new SharedTokenBucket(store, options, context);
    const { reports } = bucket.#reports.snapshot();
    const sentAt = context.clock.monotonic();
    const answer = await store.sync(bucket.#request(0, 0, reports));
    bucket.#stamp = answer.stamp;
    bucket.#onAnswer(answer);
    bucket.#reportClockStep(answer, sentAt);
    return bucket;
  }

  /** Whether the store answered the last call. */
  get isReachable(): boolean {
    return this.#failure === undefined;
  }

  acquire(signal?: AbortSignal): Promise<Token> {
    if (this.#isClosed) return Promise.reject(new Error(closedMessage));
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#hasJoined = true;
    const granted = this.#waiters.add(signal, () => this.#callNow());
    this.#callNow();
    return granted;
  }

  /** Resolves when the store knows of the pause. If it does not answer, no token is granted here, and the report is repeated. */
  async pause(ms: number): Promise<void> {
    if (this.#isClosed) return;
    this.#hasJoined = true;
    this.#reports.pause(Math.min(ms, longestPauseMs));
    await this.#nextAnswer().catch(() => {});
  }

  async state(): Promise<BucketState> {
    if (this.#isClosed) throw new Error(closedMessage);
    if (this.#failure) throw this.#failure.error;
    const { limit, tokensLeft, waiting, pausedMs } = await this.#nextAnswer();
    return { ...limit, tokensLeft, waiting, pausedMs };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    this.#waiters.rejectAll(new Error(closedMessage));
    const left = new AbortController();
    await Promise.race([this.#leave(), this.#context.clock.sleep(closeWithinMs, left.signal).catch(() => {})]);
    left.abort();
    for (const { reject } of this.#observers.splice(0)) reject(new Error(closedMessage));
    await this.#store[Symbol.asyncDispose]();
  }

  /** Gives up the places in the queue and sends the pending reports. */
  async #leave(): Promise<void> {
    await this.#alarm.stop();
    if (this.#places > 0 || !this.#reports.isEmpty) await this.#sync();
  }

  #callNow(): void {
    this.#alarm.wakeBy(this.#context.clock.monotonic());
  }

  #nextAnswer(): Promise<SyncReply> {
    return new Promise((resolve, reject) => {
      this.#observers.push({ resolve, reject });
      this.#callNow();
    });
  }

  async #sync(): Promise<void> {
    this.#calls += 1;
    const call = this.#calls;
    const wanted = Math.min(this.#waiters.length, mostWanted);
    const observers = this.#observers.splice(0);
    const { reports, reported } = this.#reports.snapshot();
    const elapsedMs = this.#stopwatch();
    const sentAt = this.#context.clock.monotonic();
    try {
      const answer = await this.#store.sync(this.#request(call, wanted, reports));
      reported();
      this.#places = wanted - answer.granted;
      this.#onAnswer(answer);
      this.#reportClockStep(answer, sentAt);
      this.#give(answer.granted, call, elapsedMs() > Math.min(this.#options.requestTimeoutMs / 2, this.#windowMs));
      this.#arrange(answer);
      for (const { resolve } of observers) resolve(answer);
    } catch (error) {
      this.#places = Math.max(this.#places, wanted);
      this.#onFailure(error);
      // The store may have granted these tokens, but no waiter got them.
      for (let index = 0; index < wanted; index += 1) this.#reports.giveBackUnused(`${call}:${index}`); // mutant: tokens.lost-reply
      for (const { reject } of observers) reject(error);
    }
  }

  #request(call: number, wanted: number, reports: SyncRequest['reports']): SyncRequest {
    const { limit, requestTimeoutMs } = this.#options;
    return {
      consumer: this.#consumer,
      call,
      wanted,
      reports,
      limit,
      decides: this.#hasJoined,
      stamp: this.#stamp,
      requestTimeoutMs,
      staleMs,
      reportDelayMs: this.#reportDelayMs,
      longestPauseMs,
    };
  }

  /** A return may wait this long for the next call: it reports its own age, and the token is due much later. */
  get #reportDelayMs(): number {
    return Math.min(heartbeatMs / 2, this.#windowMs / 4);
  }

  /**
   * A grant that arrives late is not used. Its time in the store began with the grant: if this process was suspended
   * meanwhile, a request that starts now could still be in flight when another process gets the token.
   */
  #give(granted: number, call: number, isLate: boolean): void {
    for (let index = 0; index < granted; index += 1) {
      const id = `${call}:${index}`;
      const isGiven = !isLate && !this.#reports.isBlocking && this.#waiters.grant(() => this.#newToken(id)); // mutant: tokens.late-grant
      if (isGiven) continue;
      this.#reports.giveBackUnused(id);
      this.#callNow();
    }
  }

  #newToken(id: string): Token {
    this.#reports.hold(id);
    return {
      returned: () => {
        if (this.#reports.giveBack(id)) this.#alarm.wakeBy(this.#context.clock.monotonic() + this.#reportDelayMs);
      },
    };
  }

  /** Schedules the next call. Events during this call have scheduled their own. */
  #arrange({ waitMs }: SyncReply): void {
    const now = this.#context.clock.monotonic();
    if (this.#waiters.length > 0) this.#alarm.wakeBy(now + Math.min(waitMs ?? heartbeatMs, heartbeatMs));
    else if (this.#reports.isHolding) this.#alarm.wakeBy(now + heartbeatMs);
  }

  #onAnswer({ limit, isLost, tooFar }: SyncReply): void {
    this.#windowMs = limit.windowMs;
    const { log } = this.#options;
    const store = this.#store.name;
    if (this.#failure) {
      const downMs = Math.round(this.#context.clock.monotonic() - this.#failure.since);
      log.info({ store, downMs }, 'token bucket reachable again');
      this.#failure = undefined;
    }
    if (isLost) {
      log.warn({ store, closedMs: limit.windowMs }, 'token bucket was new or had lost data: closed for a window');
    }
    if (tooFar > 0) log.warn({ store, tokens: tooFar }, 'token bucket held tokens for too long: shortened');
  }

  /**
   * If the store's clock is set forward, tokens that still cool are free too early. Each process with a recent exchange notices this before
   * it uses a grant, and the store then lets all tokens cool for as much longer.
   */
  #reportClockStep({ nowMs, isLost }: SyncReply, sentAt: number): void {
    const stepMs = this.#storeClock.stepOf({ sentAt, storeNow: nowMs, receivedAt: this.#context.clock.monotonic() });
    // The store has closed the bucket itself, and another server has another clock.
    if (stepMs === 0 || isLost) return;
    this.#reports.clockStep(stepMs); // mutant: tokens.clock-set-forward
    const { log } = this.#options;
    const fields = { store: this.#store.name, stepMs: Math.round(stepMs) };
    log.warn(fields, 'clock of the token store was set forward: all tokens cool for longer');
  }

  #onFailure(error: unknown): void {
    const { clock, random } = this.#context;
    const now = clock.monotonic();
    if (!this.#failure && !this.#isClosed) {
      const { log } = this.#options;
      log.warn({ store: this.#store.name, error: messageOf(error) }, 'token bucket unreachable; sending no requests');
    }
    // A store that refuses this user will refuse it again: waiters must receive the error.
    if (error instanceof IngestError && !error.retriable) this.#waiters.rejectAll(error);
    this.#failure = { error, since: this.#failure?.since ?? now, attempts: (this.#failure?.attempts ?? 0) + 1 };
    this.#alarm.notBefore(now + fullJitter(this.#failure.attempts - 1, backoff, random));
    this.#callNow();
  }

  /** Measures with both clocks: one may be set, the other stops while the machine is suspended. */
  #stopwatch(): () => number {
    const { clock } = this.#context;
    const [monotonic, now] = [clock.monotonic(), clock.now()];
    return () => Math.max(clock.monotonic() - monotonic, clock.now() - now);
  }
}
