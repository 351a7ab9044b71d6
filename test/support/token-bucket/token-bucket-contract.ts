import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RateLimit, Token, TokenBucket } from '../../../tmdb/token-bucket/token-bucket.ts';
import { seededRandom } from '../warehouse/seeded-random.ts';

/** A bucket, and functions that advance its clock. */
export interface BucketUnderTest {
  readonly bucket: TokenBucket;
  /** Milliseconds on the bucket's clock. */
  now(): number;
  advance(ms: number): Promise<void>;
}

/** The contract of every token bucket. Each implementation runs these same tests. */
export function tokenBucketContract(name: string, open: (limit: RateLimit) => Promise<BucketUnderTest>): void {
  describe(`${name} keeps the token bucket contract`, () => {
    const limit = { capacity: 4, windowMs: 1_000 };
    let under: BucketUnderTest;
    let granted: { readonly caller: number; readonly at: number; readonly token: Token }[];

    const ask = (caller: number, signal?: AbortSignal) => {
      const asked = under.bucket.acquire(signal).then((token) => void granted.push({ caller, at: under.now(), token }));
      // Waiters at the end of a test are rejected when the bucket is closed.
      asked.catch(() => {});
      return asked;
    };
    const callers = () => granted.map((grant) => grant.caller);

    beforeEach(async () => {
      under = await open(limit);
      granted = [];
    });
    afterEach(() => under.bucket[Symbol.asyncDispose]());

    it('grants the whole capacity at once and not one token more', async () => {
      for (let caller = 0; caller < 6; caller += 1) void ask(caller);
      await under.advance(5_000);
      expect(callers()).toEqual([0, 1, 2, 3]);
    });

    it('grants a token again one window after its response, not after its request', async () => {
      for (let caller = 0; caller < 5; caller += 1) void ask(caller);
      await under.advance(400);
      granted[0]?.token.returned();
      await under.advance(999);
      expect(callers()).toEqual([0, 1, 2, 3]);
      await under.advance(1);
      expect(callers()).toEqual([0, 1, 2, 3, 4]);
    });

    it('counts a token only once if it is returned twice', async () => {
      for (let caller = 0; caller < 6; caller += 1) void ask(caller);
      await under.advance(0);
      granted[0]?.token.returned();
      granted[0]?.token.returned();
      await under.advance(1_000);
      expect(callers()).toEqual([0, 1, 2, 3, 4]);
    });

    it('serves waiters in the order of their calls', async () => {
      for (let caller = 0; caller < 8; caller += 1) void ask(caller);
      await under.advance(0);
      for (const { token } of granted.toReversed()) token.returned();
      await under.advance(1_000);
      expect(callers()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    });

    it('removes a waiter that gave up, and spends no token on it', async () => {
      const controller = new AbortController();
      for (let caller = 0; caller < 4; caller += 1) void ask(caller);
      const given = ask(4, controller.signal).catch((error) => error.message);
      void ask(5);
      await under.advance(0);
      controller.abort(new Error('gave up'));
      granted[0]?.token.returned();
      await under.advance(1_000);
      expect(await given).toBe('gave up');
      expect(callers()).toEqual([0, 1, 2, 3, 5]);
    });

    it('refuses a caller that has already given up', async () => {
      await expect(under.bucket.acquire(AbortSignal.abort(new Error('gave up')))).rejects.toThrow('gave up');
    });

    it('grants no token during a pause, and a shorter pause does not end a longer one', async () => {
      await under.bucket.pause(2_000);
      await under.bucket.pause(500);
      void ask(0);
      await under.advance(1_999);
      expect(callers()).toEqual([]);
      await under.advance(1);
      expect(callers()).toEqual([0]);
    });

    it('never lets a server that counts a sliding window see more than the capacity', async () => {
      const seen: number[] = [];
      const random = seededRandom(7);
      const request = async () => {
        const token = await under.bucket.acquire();
        const latencyMs = Math.floor(random() * 300);
        // The server sees the request at some moment between sending and answering.
        seen.push(under.now() + Math.floor(random() * latencyMs));
        void later(under.now() + latencyMs, () => token.returned());
      };
      const due: { readonly at: number; readonly run: () => void }[] = [];
      const later = (at: number, run: () => void) => due.push({ at, run });
      const requests = Array.from({ length: 60 }, request);
      while (seen.length < 60) {
        await under.advance(10);
        for (const { run } of due.filter(({ at }) => at <= under.now())) run();
        due.splice(0, due.length, ...due.filter(({ at }) => at > under.now()));
      }
      await Promise.all(requests);
      seen.sort((a, b) => a - b);
      const crowded = seen.filter(
        (at, index) => at - (seen[index - limit.capacity] ?? Number.NEGATIVE_INFINITY) < limit.windowMs,
      );
      expect(crowded).toEqual([]);
    });

    it('reports its limit, the tokens left, the number of waiters and the duration of a pause', async () => {
      expect(await under.bucket.state()).toEqual({ ...limit, tokensLeft: 4, waiting: 0, pausedMs: 0 });
      for (let caller = 0; caller < 3; caller += 1) void ask(caller);
      await under.advance(0);
      expect(await under.bucket.state()).toEqual({ ...limit, tokensLeft: 1, waiting: 0, pausedMs: 0 });
      for (let caller = 3; caller < 6; caller += 1) void ask(caller);
      await under.advance(0);
      await under.bucket.pause(700);
      await under.advance(300);
      expect(await under.bucket.state()).toEqual({ ...limit, tokensLeft: 0, waiting: 2, pausedMs: 400 });
    });

    it('rejects the remaining waiters when it is closed', async () => {
      for (let caller = 0; caller < 4; caller += 1) void ask(caller);
      const waiting = expect(under.bucket.acquire()).rejects.toThrow('closed');
      await under.bucket[Symbol.asyncDispose]();
      await waiting;
    });
  });
}
