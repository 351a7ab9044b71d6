import { describe, expect, it } from 'vitest';
import { type BucketFleet, requestTimeoutMs } from '../support/token-bucket/bucket-fleet.ts';
import { jainIndex } from '../support/token-bucket/jain-index.ts';
import { shareBucketFleet } from '../support/token-bucket/shared-bucket-fleet.ts';

const limit = { capacity: 4, windowMs: 1_000 };

let fleet: BucketFleet;

shareBucketFleet((opened) => {
  fleet = opened;
});

describe('a fleet that shares one bucket', () => {
  it('is served in the order of the calls of its members', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    for (const member of [a, a, b, a, b, b, a, b]) {
      member.ask();
      await fleet.clock.advance(0);
    }
    expect(fleet.order).toBe('aaba');
    for (const { token } of [...fleet.granted]) {
      token.returned();
      await fleet.clock.advance(10);
    }
    await fleet.clock.advance(2_000);
    expect(fleet.order).toBe('aababbab');
  });

  it('gives busy members the same share, and uses the whole limit with two calls for each request', async () => {
    const busyLimit = { capacity: 20, windowMs: 2_000 };
    const members = await fleet.assemble(['a', 'b', 'c', 'd'], busyLimit);
    const lastsMs = 60_000;
    const start = fleet.clock.monotonic();
    const callsBefore = members.reduce((sum, { store }) => sum + store.calls, 0);
    for (const member of members) {
      member.sendRequests(
        20,
        () => 20 + Math.floor(fleet.random() * 100),
        () => false,
      );
    }
    await fleet.clock.advance(lastsMs);
    const requests = members.map((member) => member.requests);
    const total = requests.reduce((sum, count) => sum + count, 0);
    // A token takes one window plus the time of the response, 70 ms here. At the end, it is halfway through on average.
    const possible = busyLimit.capacity * (0.5 + (fleet.clock.monotonic() - start) / (busyLimit.windowMs + 70));
    const calls = members.reduce((sum, { store }) => sum + store.calls, 0) - callsBefore;
    expect(jainIndex(requests)).toBeGreaterThan(0.98);
    expect(total / possible).toBeGreaterThan(0.99);
    // One call to queue, one when the token is due, and two a second to show that the process is alive.
    expect((calls - members.length * 2 * (lastsMs / 1_000)) / total).toBeLessThan(2);
  });

  it('gives one busy member the whole limit while the others are idle', async () => {
    const [a, ...idle] = await fleet.assemble(['a', 'b', 'c', 'd', 'e'], limit);
    const callsBefore = idle.map(({ store }) => store.calls);
    a.sendRequests(
      8,
      () => 50,
      () => false,
    );
    await fleet.clock.advance(10_500);
    // Windows of 1,050 ms; the tokens of the first are granted at once.
    expect(a.requests).toBe(4 * 11);
    expect(idle.map(({ store }) => store.calls)).toEqual(callsBefore);
  });

  it('[R2 R28] gets the tokens of a dead member back after timeout plus window', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    a.ask(4);
    await fleet.clock.advance(0);
    a.die();
    b.ask(1);
    await fleet.clock.advance(requestTimeoutMs + limit.windowMs - 1);
    expect(b.granted).toHaveLength(0);
    await fleet.clock.advance(1);
    expect(b.granted).toHaveLength(1);
  });

  it('does not reuse the token of an overdue request while its sender lives', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    a.ask(1);
    await fleet.clock.advance(0);
    b.ask(4);
    await fleet.clock.advance(3 * (requestTimeoutMs + limit.windowMs));
    expect(b.granted).toHaveLength(3);
    a.giveBackAll();
    await fleet.clock.advance(limit.windowMs);
    expect(b.granted).toHaveLength(4);
  });

  it('[R28] drops the places in line of a dead member', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    b.ask(4);
    await fleet.clock.advance(0);
    a.ask(8);
    await fleet.clock.advance(0);
    b.ask(4);
    a.die();
    b.giveBackAll();
    await fleet.clock.advance(limit.windowMs);
    expect(fleet.order).toBe('bbbb');
    await fleet.clock.advance(1_500);
    expect(fleet.order).toBe('bbbbbbbb');
  });

  it('pauses as a whole when one member is told to slow down', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    await a.bucket.pause(3_000);
    b.ask();
    await fleet.clock.advance(2_999);
    expect(b.granted).toHaveLength(0);
    expect((await b.bucket.state()).pausedMs).toBe(1);
    await fleet.clock.advance(1);
    expect(b.granted).toHaveLength(1);
  });

  it('pauses for at most a minute', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    await a.bucket.pause(10 ** 12);
    b.ask();
    await fleet.clock.advance(60_000);
    expect(b.granted).toHaveLength(1);
  });

  it('uses no token that was granted before it was told to slow down', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    a.store.onAnswer = async (answer) => {
      void a.bucket.pause(2_000);
      a.store.onAnswer = async (later) => later;
      return answer;
    };
    a.ask(2);
    await fleet.clock.advance(1_999);
    expect(a.granted).toHaveLength(0);
    await fleet.clock.advance(1);
    expect(a.granted).toHaveLength(2);
  });

  it('releases the places in line and the tokens of a closed member', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    a.ask(8);
    await fleet.clock.advance(0);
    b.ask(4);
    await fleet.clock.advance(0);
    a.giveBackAll();
    await a.bucket[Symbol.asyncDispose]();
    await fleet.clock.advance(limit.windowMs);
    expect(fleet.order).toBe('aaaabbbb');
  });

  it('sends no request to the store while no process waits and no token is held', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    a.ask(2);
    await fleet.clock.advance(0);
    a.giveBackAll();
    await fleet.clock.advance(1_000);
    const { calls } = a.store;
    await fleet.clock.advance(60_000);
    expect(a.store.calls).toBe(calls);
  });
});

describe('the limit of a fleet', () => {
  it('[R30] is the limit of the member that started last, for all members, within a window', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    const atOnce = () => 0;
    const seenIn = async (ms: number) => {
      const before = fleet.seen.length;
      await fleet.clock.advance(ms);
      return fleet.seen.length - before;
    };
    a.sendRequests(20, atOnce, () => false);
    expect(await seenIn(4_999)).toBe(4 * 5);
    const b = await fleet.join('b', { capacity: 2, windowMs: 1_000 });
    b.sendRequests(20, atOnce, () => false);
    await fleet.clock.advance(1_000);
    expect(await seenIn(5_000)).toBe(2 * 5);
    const c = await fleet.join('c', { capacity: 9, windowMs: 1_000 });
    c.sendRequests(20, atOnce, () => false);
    await fleet.clock.advance(1_000);
    expect(await seenIn(5_000)).toBe(9 * 5);
  });

  it('[R30] counts the requests of the old window when the new one is longer', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    a.ask(4);
    await fleet.clock.advance(0);
    a.giveBackAll();
    await fleet.clock.advance(1_500);
    const b = await fleet.join('b', { capacity: 4, windowMs: 5_000 });
    b.ask();
    await fleet.clock.advance(4_999);
    expect(b.granted).toHaveLength(0);
    await fleet.clock.advance(1);
    expect(b.granted).toHaveLength(1);
  });

  it('is not changed by a read-only command', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    a.ask();
    await fleet.clock.advance(0);
    const looker = await fleet.join('l', { capacity: 99, windowMs: 9_000 });
    expect(await looker.bucket.state()).toEqual({ ...limit, tokensLeft: 3, waiting: 0, pausedMs: 0 });
    a.ask(8);
    await fleet.clock.advance(0);
    expect(await looker.bucket.state()).toEqual({ ...limit, tokensLeft: 0, waiting: 5, pausedMs: 0 });
    expect(a.granted).toHaveLength(4);
  });
});
