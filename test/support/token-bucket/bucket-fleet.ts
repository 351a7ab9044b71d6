import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../runtime/clock.ts';
import type { Logger } from '../../../runtime/logger.ts';
import { Secret } from '../../../runtime/secret.ts';
import { RedisTokenStore } from '../../../tmdb/token-bucket/redis-store.ts';
import { SharedTokenBucket } from '../../../tmdb/token-bucket/shared.ts';
import type { RateLimit, Token } from '../../../tmdb/token-bucket/token-bucket.ts';
import type { SyncReply, SyncRequest, TokenStore } from '../../../tmdb/token-bucket/token-store.ts';
import { ManualClock, settle } from '../clock/manual-clock.ts';
import { seededRandom } from '../warehouse/seeded-random.ts';
import type { RedisServer } from './redis.ts';

/** The request timeout of all members. */
export const requestTimeoutMs = 3_000;

/** A store into which a test can inject faults. */
class ProbedStore implements TokenStore {
  readonly #store: TokenStore;
  calls = 0;
  /** Calls that the clock must wait for. */
  readonly underWay = new Set<Promise<unknown>>();
  /** The process is dead: it makes no calls and receives no answers. */
  isDead = false;
  beforeCall: () => Promise<void> = async () => {};
  /** Changes an answer after the store has executed the call. */
  onAnswer: (answer: SyncReply) => Promise<SyncReply> = async (answer) => answer;

  constructor(store: TokenStore) {
    this.#store = store;
  }

  get name(): string {
    return this.#store.name;
  }

  async sync(request: SyncRequest): Promise<SyncReply> {
    await this.beforeCall();
    if (this.isDead) return new Promise(() => {});
    this.calls += 1;
    const call = this.#store.sync(request);
    this.underWay.add(call);
    call.catch(() => {}).finally(() => this.underWay.delete(call));
    const answer = await call;
    return this.isDead ? new Promise(() => {}) : this.onAnswer(answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}

interface Grant {
  readonly name: string;
  readonly at: number;
  readonly token: Token;
}

/** One process of the fleet, reduced to its bucket. */
export class Member {
  readonly name: string;
  readonly bucket: SharedTokenBucket;
  readonly store: ProbedStore;
  /** Tokens granted to this member, in order. */
  readonly granted: Grant[] = [];
  requests = 0;
  readonly #fleet: BucketFleet;

  constructor(name: string, bucket: SharedTokenBucket, store: ProbedStore, fleet: BucketFleet) {
    this.name = name;
    this.bucket = bucket;
    this.store = store;
    this.#fleet = fleet;
  }

  /** Requests tokens, with one call for each. */
  ask(count = 1): void {
    for (let left = count; left > 0; left -= 1) {
      this.bucket.acquire().then(
        (token) => {
          const grant = { name: this.name, at: this.#fleet.clock.monotonic(), token };
          this.granted.push(grant);
          this.#fleet.granted.push(grant);
        },
        // Waiters at the end of a test are rejected when the bucket is closed.
        () => {},
      );
    }
  }

  /**
   * Sends requests, `concurrency` at a time, until it dies or `hasEnded`. `fleet.seen` records when the server saw them.
   */
  sendRequests(concurrency: number, latencyMs: () => number, hasEnded: () => boolean): void {
    const { clock, seen } = this.#fleet;
    const sendOne = async () => {
      const token = await this.bucket.acquire();
      if (this.store.isDead) return;
      this.requests += 1;
      const ms = latencyMs();
      // The server sees the request at some moment between sending and answering.
      seen.push(clock.monotonic() + Math.floor(ms * this.#fleet.random()));
      await clock.sleep(ms);
      if (!this.store.isDead) token.returned();
    };
    const sendAll = async () => {
      while (!hasEnded() && !this.store.isDead) await sendOne();
    };
    for (let slot = 0; slot < concurrency; slot += 1) sendAll().catch(() => {});
  }

  /** The responses to all requests that it has sent so far. */
  giveBackAll(): void {
    for (const { token } of this.granted) token.returned();
  }

  /** kill -9 */
  die(): void {
    this.store.isDead = true;
  }
}

/** Processes that share one bucket on a real server, all with one clock that the test controls. */
export class BucketFleet implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly key = randomUUID();
  readonly members: Member[] = [];
  /** Tokens granted to any member, in order. */
  readonly granted: Grant[] = [];
  readonly logged: string[] = [];
  /** Monotonic ms at which the server saw a request; not in order. */
  readonly seen: number[] = [];
  readonly random: () => number;
  readonly #server: RedisServer;
  readonly #log = {
    info: (_: unknown, message: string) => void this.logged.push(message),
    warn: (_: unknown, message: string) => void this.logged.push(message),
  } as unknown as Logger;

  constructor(server: RedisServer, seed = 1) {
    this.#server = server;
    this.random = seededRandom(seed);
    this.clock.alsoSettle = async () => {
      for (;;) {
        const underWay = this.members.flatMap(({ store }) => [...store.underWay]);
        if (underWay.length === 0) return;
        await Promise.allSettled(underWay);
        await settle();
      }
    };
  }

  /** A new process of the fleet. `clock` is the clock that it uses; the server always uses the clock of the fleet. */
  async join(name: string, limit: RateLimit, clock: Clock = this.clock): Promise<Member> {
    const url = new Secret(this.#server.url);
    const redis = new RedisTokenStore({ url, key: this.key, nowMs: () => this.clock.now(), deadlineMs: 1_000 });
    const store = new ProbedStore(redis);
    const options = { limit, requestTimeoutMs, log: this.#log };
    const bucket = await SharedTokenBucket.open(store, options, { clock, random: this.random });
    const member = new Member(name, bucket, store, this);
    this.members.push(member);
    return member;
  }

  /** Creates processes with these names, at a store that has been in use for longer than a window. */
  async assemble<const Names extends readonly string[]>(
    names: Names,
    limit: RateLimit,
  ): Promise<{ -readonly [Index in keyof Names]: Member }> {
    const members: Member[] = [];
    for (const name of names) members.push(await this.join(name, limit));
    await this.clock.advance(limit.windowMs);
    return members as { -readonly [Index in keyof Names]: Member };
  }

  /** The members that got a token, in order. */
  get order(): string {
    return this.granted.map(({ name }) => name).join('');
  }

  keyOf(part: 'meta' | 'tokens' | 'line' | 'seen'): string {
    return `{${this.key}}:${part}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.all(
      this.members.map(async ({ bucket, store }) => {
        // A dead process does not close its bucket: it only drops the connection.
        if (store.isDead) await store[Symbol.asyncDispose]();
        else await bucket[Symbol.asyncDispose]();
      }),
    );
    // Closing takes at most this long.
    await this.clock.advance(2_000);
    await closed;
  }
}
