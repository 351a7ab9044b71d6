import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/logger.ts';
import { Secret } from '../../runtime/secret.ts';
import { BusiestWindow, SlidingWindow } from '../../sandbox/sliding-window.ts';
import { openSharedTokenBucket } from '../../tmdb/token-bucket/redis.ts';
import type { TokenBucket } from '../../tmdb/token-bucket/token-bucket.ts';
import { BucketFleet, type Member } from '../support/token-bucket/bucket-fleet.ts';
import { RedisServer } from '../support/token-bucket/redis.ts';

let server: RedisServer;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

const mostInAWindow = (seen: readonly number[], windowMs: number): number => {
  const window = new BusiestWindow(windowMs);
  for (const at of seen.toSorted((a, b) => a - b)) window.arrive(at);
  return window.most;
};

describe('a server that counts a sliding window', () => {
  const limit = { capacity: 10, windowMs: 2_000 };

  /** Members start, die, reach the store slowly, and lose answers. Now and then, `harm` damages the store. */
  const live = async (
    fleet: BucketFleet,
    seconds: number,
    harm: (random: number) => Promise<unknown>,
    slowestMs = 100,
  ) => {
    const { clock, random } = fleet;
    const join = async (): Promise<Member> => {
      const member = await fleet.join(String(fleet.members.length), limit);
      const slowness = random() * slowestMs;
      member.store.beforeCall = () => clock.sleep(Math.floor(random() * slowness));
      member.store.onAnswer = async (answer) => {
        await clock.sleep(Math.floor(random() * slowness));
        if (random() < 0.02) throw new Error('the answer was lost');
        return answer;
      };
      member.sendRequests(
        6,
        () => 1 + Math.floor(random() ** 4 * 2_900),
        () => false,
      );
      return member;
    };
    let alive = [await join(), await join(), await join()];
    for (let second = 0; second < seconds; second += 1) {
      await clock.advance(1_000);
      if (random() < 0.2) {
        alive[0]?.die();
        alive = [...alive.slice(1), await join()];
      }
      await harm(random());
    }
  };

  it.each([1, 2, 3, 4, 5])(
    '[P14] never sees more than the limit, even if processes die and answers are lost (seed %i)',
    async (seed) => {
      await using fleet = new BucketFleet(server, seed);
      await live(fleet, 60, async () => {});
      expect(mostInAWindow(fleet.seen, limit.windowMs)).toBeLessThanOrEqual(limit.capacity);
      // Tokens of dead members are unavailable for up to five seconds, those of slow requests for longer than a window.
      expect(fleet.seen.length).toBeGreaterThan(60 * 5 * 0.5);
    },
  );

  it.each([6, 7, 8])('[P14] never sees more than the limit when the store loses data (seed %i)', async (seed) => {
    await using fleet = new BucketFleet(server, seed);
    await live(fleet, 60, async (random) => {
      if (random < 0.05) await server.command('FLUSHALL');
      else if (random < 0.1) await server.command('DEL', fleet.keyOf('tokens'));
      else if (random < 0.15) await server.command('DEL', fleet.keyOf('meta'), fleet.keyOf('line'));
    });
    expect(mostInAWindow(fleet.seen, limit.windowMs)).toBeLessThanOrEqual(limit.capacity);
    expect(fleet.seen.length).toBeGreaterThan(60);
  });

  it.each([9, 10, 11])(
    '[P14 R169] never sees more than the limit when the clock of the store is set, forward or back (seed %i)',
    async (seed) => {
      await using fleet = new BucketFleet(server, seed);
      const slowestMs = 10;
      const harm = async (random: number) => {
        // A slow call hides a step of its own length.
        if (random < 0.05) fleet.clock.set(4 * slowestMs + random * 60_000);
        else if (random < 0.07) fleet.clock.set(-random * 60_000);
      };
      await live(fleet, 120, harm, slowestMs);
      expect(mostInAWindow(fleet.seen, limit.windowMs)).toBeLessThanOrEqual(limit.capacity);
      expect(fleet.logged.some((line) => line.includes('was set forward'))).toBe(true);
      expect(fleet.seen.length).toBeGreaterThan(120);
    },
  );
});

describe('by the clock of the store', () => {
  it('two members use the whole limit, and a strict server refuses none', async () => {
    // A window is much longer than the delay of a timer on a busy machine.
    const limit = { capacity: 20, windowMs: 1_000 };
    const lastsMs = 4_000;
    const window = new SlidingWindow(limit);
    const latencyMs = 10;
    let refused = 0;
    let sent = 0;
    const open = (key: string) =>
      openSharedTokenBucket({
        url: new Secret(server.url),
        key,
        limit,
        requestTimeoutMs: 1_000,
        clock: systemClock,
        log: createLogger('silent', []),
      });
    const send = async (bucket: TokenBucket, until: number) => {
      while (performance.now() < until) {
        const token = await bucket.acquire();
        sent += 1;
        await systemClock.sleep(latencyMs / 2);
        if (window.arrive(performance.now()) > 0) refused += 1;
        await systemClock.sleep(latencyMs / 2);
        token.returned();
      }
    };
    const key = randomUUID();
    await using a = await open(key);
    await using b = await open(key);
    // A new bucket grants nothing for one window.
    await (await a.acquire()).returned();
    const started = performance.now();
    const slots = [a, b].flatMap((bucket) => Array.from({ length: 20 }, () => send(bucket, started + lastsMs)));
    await Promise.all(slots);
    const possible = limit.capacity * (1 + (performance.now() - started) / (limit.windowMs + latencyMs));
    console.info(`utilisation by the store's clock: ${(sent / possible).toFixed(3)}`);
    expect(refused).toBe(0);
    expect(sent / possible).toBeGreaterThan(0.8);
  });
});
