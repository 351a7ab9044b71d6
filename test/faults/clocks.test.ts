import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clock } from '../../runtime/clock.ts';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import { startSandbox } from '../../sandbox/server.ts';
import { BusiestWindow } from '../../sandbox/sliding-window.ts';
import type { ManualClock } from '../support/clock/manual-clock.ts';
import { until } from '../support/processes/fleet.ts';
import { BucketFleet, requestTimeoutMs } from '../support/token-bucket/bucket-fleet.ts';
import { RedisServer } from '../support/token-bucket/redis.ts';

/** How long a process is frozen: longer than timeout and window, so that other processes have its tokens by then. */
const seconds = Number(process.env['FAULT_SECONDS'] ?? 3);
const hourMs = 3_600_000;

let redis: RedisServer;

beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis[Symbol.asyncDispose]());

/** A clock with an error of its wall time and an error of its monotonic time. */
const wrongBy = (clock: ManualClock, wallMs: () => number, standstillMs: () => number = () => 0): Clock => ({
  now: () => clock.now() + wallMs(),
  monotonic: () => clock.monotonic() - standstillMs(),
  sleep: (ms, signal) => clock.sleep(ms, signal),
});

describe('the limit of a fleet', () => {
  const limit = { capacity: 10, windowMs: 2_000 };

  it.each([1, 2, 3])(
    '[R29] holds for any error of the clocks of its members, constant or changing (seed %i)',
    async (seed) => {
      await using fleet = new BucketFleet(redis, seed);
      const { clock, random } = fleet;
      let wrongMs = 0;
      // One read in ten sets the clock forward or back.
      const leaping = () => {
        if (random() < 0.1) wrongMs = Math.floor((random() - 0.5) * 2 * hourMs);
        return wrongMs;
      };
      const clocks = [() => hourMs, () => -hourMs, leaping].map((wallMs) => wrongBy(clock, wallMs));
      for (const [index, wrong] of clocks.entries()) {
        const member = await fleet.join(String(index), limit, wrong);
        member.store.beforeCall = () => clock.sleep(Math.floor(random() * 20));
        member.sendRequests(
          6,
          () => 1 + Math.floor(random() * 200),
          () => false,
        );
      }
      await clock.advance(60_000);
      const window = new BusiestWindow(limit.windowMs);
      for (const at of fleet.seen.toSorted((a, b) => a - b)) window.arrive(at);
      expect(window.most).toBeLessThanOrEqual(limit.capacity);
      // At most 5 a second are possible, less for the latency and the first window.
      expect(fleet.seen.length).toBeGreaterThan(60 * 5 * 0.75);
    },
  );

  it.each([
    ['continues', false],
    ['stops with its machine', true],
  ])('[R29] holds when a process sleeps for 30 s before it uses a grant, and its clock %s', async (_, standsStill) => {
    await using fleet = new BucketFleet(redis);
    const { clock } = fleet;
    let standstillMs = 0;
    const right = () => 0;
    const sleeper = await fleet.join(
      'sleeper',
      limit,
      wrongBy(clock, right, () => standstillMs),
    );
    const other = await fleet.join('other', limit);
    await clock.advance(limit.windowMs);
    const asleep = Promise.withResolvers<void>();
    sleeper.store.onAnswer = async (answer) => {
      await asleep.promise;
      sleeper.store.onAnswer = async (later) => later;
      return answer;
    };
    const sleptFrom = clock.monotonic();
    sleeper.ask(10);
    await clock.advance(requestTimeoutMs + limit.windowMs + 1_000);
    other.ask(10);
    await clock.advance(500);
    expect(other.granted).toHaveLength(10);
    await clock.advance(30_000);
    other.giveBackAll();
    if (standsStill) standstillMs = clock.monotonic() - sleptFrom;
    asleep.resolve();
    // All tokens cool, so the tokens that were granted to the sleeper are no longer valid.
    await clock.advance(limit.windowMs - 600);
    expect(sleeper.granted).toHaveLength(0);
    await clock.advance(5_000);
    expect(sleeper.granted).toHaveLength(10);
  });
});

/** Freezes the process while it waits, not between a grant and its request: that interval is too short for any clock to detect. */
async function freeze(child: ChildProcess, ms: number): Promise<void> {
  const state = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.[0];
  while (state() !== 'S') await delay(1);
  child.kill('SIGSTOP');
  await delay(ms);
  child.kill('SIGCONT');
}

describe.runIf(process.platform === 'linux')('processes that are frozen under load', () => {
  const limit = { capacity: 20, windowMs: 1_000 };
  const timeoutMs = 1_000;

  it('[P14 R29] send nothing beyond the limit when they resume', async () => {
    const catalogue = new GeneratedCatalogue({ seed: 1, movies: 200 });
    const ids = Array.from({ length: 200 }, (_, rank) => catalogue.idAtRank(rank));
    await using sandbox = await startSandbox({ movies: 200, limit, latencyMs: [5, 60] });
    const settings = JSON.stringify({ storeUrl: redis.url, baseUrl: sandbox.url, limit, timeoutMs, ids });
    const script = join(import.meta.dirname, '../support/token-bucket/asking-process.ts');
    const start = () => spawn(process.execPath, [script, settings], { stdio: ['pipe', 'ignore', 'inherit'] });
    const frozen = start();
    const children = [frozen, start(), start()];
    try {
      await until('60 requests are sent', () => sandbox.stats().requests > 60, { timeoutMs: 30_000 });
      const before = sandbox.stats().requests;
      await freeze(frozen, seconds * 1_000);
      await delay(2_000);
      const perWindow = ((sandbox.stats().requests - before) / (seconds * 1_000 + 2_000)) * limit.windowMs;
      console.info(`one of three was frozen for ${seconds} s: ${perWindow.toFixed(1)} requests a window of 20`);
      expect(perWindow).toBeGreaterThan(limit.capacity * 0.5);
      expect(sandbox.stats().byStatus['429']).toBeUndefined();
      expect(sandbox.stats().maxInAnyWindow).toBeLessThanOrEqual(limit.capacity);
    } finally {
      const ended = children.map((child) => once(child, 'exit'));
      for (const child of children) child.stdin?.end();
      await Promise.all(ended);
    }
  });
});
