import { randomUUID } from 'node:crypto';
import { IngestError, messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { fullJitter, type RetryContext } from '../../runtime/retry.ts';
import { Alarm } from './alarm.ts';
import { PendingReports } from './pending-reports.ts';
import type { BucketState, RateLimit, Token, TokenBucket } from './token-bucket.ts';
import type { TokenStore, TurnAnswer, TurnRequest } from './token-store.ts';
import { Waiters } from './waiters.ts';

export interface SharedBucketOptions {
  /** Of the whole fleet. The process that started last decides, once it asks for a token. */
  readonly limit: RateLimit;
  /** No request takes longer: a token whose holder died is back after this and a window. */
  readonly requestTimeoutMs: number;
  readonly log: Logger;
}

/** Who waits, or holds a token, calls at least this often: shows that it is alive, notices that the store is not. */
const heartbeatMs = 500;
/** Four heartbeats: a pause of the process costs no place in line, its death blocks nobody for long. */
const staleMs = 2_000;
const longestPauseMs = 60_000;
/** Waiters beyond these have no place in line yet: what a turn costs stays bounded. */
const mostWanted = 1_000;
const backoff = { baseMs: 100, capMs: 5_000 };
const closeWithinMs = 2_000;
const closedMessage = 'the token bucket is closed';

interface Observer {
  readonly resolve: (answer: TurnAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One process's end of a bucket that a fleet shares. The store decides everything, by its clock; here are the waiters,
 * in order, and one call to the store at a time. Whatever happens meanwhile goes with the next call, so there is about one
 * call for each token, fewer the busier it gets, and none while nobody waits and nothing is held.
 *
 * While the store does not answer, nobody gets a token.
 */
export class SharedTokenBucket implements TokenBucket {
  readonly #store: TokenStore;
  readonly #options: SharedBucketOptions;
  readonly #context: RetryContext;
  readonly #consumer = randomUUID();
  readonly #waiters = new Waiters();
  readonly #notes: PendingReports;
  readonly #alarm: Alarm;
  #observers: Observer[] = [];
  #calls = 0;
  #stamp = 0;
  #windowMs: number;
  /** A process that only looks decides nothing. */
  #hasJoined = false;
  /** Places in line that the store may have us in. */
  #places = 0;
  #failure: { readonly error: unknown; readonly since: number; attempts: number } | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  private constructor(store: TokenStore, options: SharedBucketOptions, context: RetryContext) {
    this.#store = store;
    this.#options = options;
    this.#context = context;
    this.#windowMs = options.limit.windowMs;
    this.#notes = new PendingReports(context.clock);
    this.#alarm = new Alarm(context.clock, () => this.#turn());
  }

  /** Looks whether the store answers; disposing of the bucket disposes of it. @throws what the store throws. */
  static async open(
    store: TokenStore,
    options: SharedBucketOptions,
    context: RetryContext,
  ): Promise<SharedTokenBucket> {
    const bucket = new SharedTokenBucket(store, options, context);
    const { notes } = bucket.#notes.snapshot();
    const answer = await store.turn(bucket.#request(0, 0, notes));
    bucket.#stamp = answer.stamp;
    bucket.#onAnswer(answer);
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

  /** Resolves when the store was told; when it could not be, from here nobody gets a token, and it is told again. */
  async pause(ms: number): Promise<void> {
    if (this.#isClosed) return;
    this.#hasJoined = true;
    this.#notes.pause(Math.min(ms, longestPauseMs));
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

  /** Gives up the places in line and tells what is noted. */
  async #leave(): Promise<void> {
    await this.#alarm.stop();
    if (this.#places > 0 || !this.#notes.isEmpty) await this.#turn();
  }

  #callNow(): void {
    this.#alarm.by(this.#context.clock.monotonic());
  }

  #nextAnswer(): Promise<TurnAnswer> {
    return new Promise((resolve, reject) => {
      this.#observers.push({ resolve, reject });
      this.#callNow();
    });
  }

  async #turn(): Promise<void> {
    this.#calls += 1;
    const call = this.#calls;
    const wanted = Math.min(this.#waiters.length, mostWanted);
    const observers = this.#observers.splice(0);
    const { notes, told } = this.#notes.snapshot();
    const elapsedMs = this.#stopwatch();
    try {
      const answer = await this.#store.turn(this.#request(call, wanted, notes));
      told();
      this.#places = wanted - answer.granted;
      this.#onAnswer(answer);
      this.#give(answer.granted, call, elapsedMs() > Math.min(this.#options.requestTimeoutMs / 2, this.#windowMs));
      this.#arrange(answer);
      for (const { resolve } of observers) resolve(answer);
    } catch (error) {
      this.#places = Math.max(this.#places, wanted);
      this.#onFailure(error);
      // It may have happened; but nobody has these tokens.
      for (let index = 0; index < wanted; index += 1) this.#notes.giveBackUnused(`${call}:${index}`);
      for (const { reject } of observers) reject(error);
    }
  }

  #request(call: number, wanted: number, notes: TurnRequest['notes']): TurnRequest {
    const { limit, requestTimeoutMs } = this.#options;
    return {
      consumer: this.#consumer,
      call,
      wanted,
      notes,
      limit,
      decides: this.#hasJoined,
      stamp: this.#stamp,
      requestTimeoutMs,
      staleMs,
      noteMs: this.#noteMs,
      longestPauseMs,
    };
  }

  /** A return may wait this long for a call to go with: it says when it was, and long before the token can be due. */
  get #noteMs(): number {
    return Math.min(heartbeatMs / 2, this.#windowMs / 4);
  }

  /**
   * A token that comes late is not used. Its time in the store began when it was granted: if we were stopped
   * meanwhile, a request that starts now might still be under way when somebody else gets the token.
   */
  #give(granted: number, call: number, isLate: boolean): void {
    for (let index = 0; index < granted; index += 1) {
      const id = `${call}:${index}`;
      const isGiven = !isLate && !this.#notes.isPausing && this.#waiters.grant(() => this.#newToken(id));
      if (isGiven) continue;
      this.#notes.giveBackUnused(id);
      this.#callNow();
    }
  }

  #newToken(id: string): Token {
    this.#notes.hold(id);
    return {
      returned: () => {
        if (this.#notes.giveBack(id)) this.#alarm.by(this.#context.clock.monotonic() + this.#noteMs);
      },
    };
  }

  /** Sets the next call. What came up during this one has set its own. */
  #arrange({ waitMs }: TurnAnswer): void {
    const now = this.#context.clock.monotonic();
    if (this.#waiters.length > 0) this.#alarm.by(now + Math.min(waitMs ?? heartbeatMs, heartbeatMs));
    else if (this.#notes.isHolding) this.#alarm.by(now + heartbeatMs);
  }

  #onAnswer({ limit, isLost, tooFar }: TurnAnswer): void {
    this.#windowMs = limit.windowMs;
    const { log } = this.#options;
    const store = this.#store.name;
    if (this.#failure) {
      const downMs = Math.round(this.#context.clock.monotonic() - this.#failure.since);
      log.info({ store, downMs }, 'token bucket back in reach');
      this.#failure = undefined;
    }
    if (isLost) {
      log.warn(
        { store, closedMs: limit.windowMs },
        'token bucket was new or had forgotten something: closed for a window',
      );
    }
    if (tooFar > 0) log.warn({ store, tokens: tooFar }, 'token bucket held tokens for too long: shortened');
  }

  #onFailure(error: unknown): void {
    const { clock, random } = this.#context;
    const now = clock.monotonic();
    if (!this.#failure && !this.#isClosed) {
      const { log } = this.#options;
      log.warn({ store: this.#store.name, error: messageOf(error) }, 'token bucket out of reach: no request is sent');
    }
    // A store that refuses us will go on to: whoever waits is to hear of it.
    if (error instanceof IngestError && !error.retriable) this.#waiters.rejectAll(error);
    this.#failure = { error, since: this.#failure?.since ?? now, attempts: (this.#failure?.attempts ?? 0) + 1 };
    this.#alarm.notBefore(now + fullJitter(this.#failure.attempts - 1, backoff, random));
    this.#callNow();
  }

  /** Measures by both clocks: one may be set, the other stands still while the machine is suspended. */
  #stopwatch(): () => number {
    const { clock } = this.#context;
    const [monotonic, now] = [clock.monotonic(), clock.now()];
    return () => Math.max(clock.monotonic() - monotonic, clock.now() - now);
  }
}
