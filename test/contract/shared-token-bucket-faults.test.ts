import { describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/logger.ts';
import { Secret } from '../../runtime/secret.ts';
import { TokenBucketRefusedError, TokenBucketUnavailableError } from '../../tmdb/token-bucket/errors.ts';
import { openSharedTokenBucket } from '../../tmdb/token-bucket/redis.ts';
import { type BucketFleet, requestTimeoutMs } from '../support/token-bucket/bucket-fleet.ts';
import { RedisServer } from '../support/token-bucket/redis.ts';
import { shareBucketFleet } from '../support/token-bucket/shared-bucket-fleet.ts';

const limit = { capacity: 4, windowMs: 1_000 };

let server: RedisServer;
let fleet: BucketFleet;

shareBucketFleet((...opened) => {
  [fleet, server] = opened;
});

/** Ways in which a running store loses data. */
const losses: Record<string, () => Promise<unknown>> = {
  'is emptied': () => server.command('FLUSHALL'),
  'restarts empty': async () => {
    await server.kill();
    await server.start();
  },
  'restarts from an old copy': async () => {
    await server.kill();
    await server.start();
  },
  'loses its tokens': () => server.command('DEL', fleet.keyOf('tokens')),
  'loses one token': () => server.command('ZPOPMIN', fleet.keyOf('tokens')),
  'loses the metadata of the bucket': () => server.command('DEL', fleet.keyOf('meta')),
};

describe.each(Object.entries(losses))('a store that %s', (name, lose) => {
  const saveFirst = async () => {
    if (name.includes('copy')) await server.command('SAVE');
  };

  it('[R26] grants nothing for one window, then everything', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    await saveFirst();
    a.ask(4);
    await fleet.clock.advance(0);
    a.giveBackAll();
    await fleet.clock.advance(300);
    await lose();
    b.ask(8);
    await fleet.clock.advance(999);
    expect(b.granted).toHaveLength(0);
    // The outage of the server may be detected only after one or two attempts.
    await fleet.clock.advance(300);
    expect(b.granted).toHaveLength(4);
    expect(fleet.logged.filter((line) => line.includes('had lost data'))).toHaveLength(2);
  });

  it('[R26] still counts the requests in flight', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    await saveFirst();
    a.ask(3);
    await fleet.clock.advance(300);
    await lose();
    b.ask(8);
    await fleet.clock.advance(2_500);
    expect(b.granted).toHaveLength(1);
    a.giveBackAll();
    await fleet.clock.advance(999);
    expect(b.granted).toHaveLength(1);
    await fleet.clock.advance(1);
    expect(b.granted).toHaveLength(4);
  });

  it('[R26] counts a response that was not reported before', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    await saveFirst();
    a.ask(3);
    await fleet.clock.advance(1_900);
    await lose();
    b.ask(8);
    await fleet.clock.advance(0);
    a.giveBackAll();
    await fleet.clock.advance(999);
    expect(b.granted).toHaveLength(0);
    await fleet.clock.advance(300);
    expect(b.granted).toHaveLength(4);
  });
});

describe('a store into which another program wrote', () => {
  const farMs = 10 ** 14;

  it('[R31] holds a token for at most timeout plus window', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    a.ask(4);
    await fleet.clock.advance(0);
    const ids = (await server.command('ZRANGE', fleet.keyOf('tokens'), '0', '-1')) as string[];
    for (const id of ids) await server.command('ZADD', fleet.keyOf('tokens'), 'inf', id);
    a.die();
    const b = await fleet.join('b', limit);
    b.ask();
    await fleet.clock.advance(requestTimeoutMs + limit.windowMs);
    expect(b.granted).toHaveLength(1);
    expect(fleet.logged).toContain('token bucket held tokens for too long: shortened');
  });

  it.each([
    ['paused', 60_000],
    ['closed', limit.windowMs],
    ['timeout', 0],
    ['capacity', limit.windowMs],
    ['window', limit.windowMs],
    ['count', limit.windowMs],
    ['run', limit.windowMs],
  ])('[R31] is stopped by an invalid `%s` for at most %i ms', async (field, waitMs) => {
    const [a] = await fleet.assemble(['a'], limit);
    for (const value of ['9e99', '-5', 'nan', 'xyz', String(farMs * 10)]) {
      a.giveBackAll();
      await fleet.clock.advance(2_000);
      const before = a.granted.length;
      await server.command('HSET', fleet.keyOf('meta'), field, value);
      a.ask();
      await fleet.clock.advance(waitMs);
      expect(a.granted.length - before, value).toBe(1);
    }
  });

  it('[R31] drops the places in line of members that never existed', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    await server.command('RPUSH', fleet.keyOf('line'), 'x', 'y', 'x', 'x', 'x');
    await server.command('ZADD', fleet.keyOf('seen'), String(farMs * 10), 'y');
    a.ask(3);
    await fleet.clock.advance(0);
    expect(a.granted).toHaveLength(3);
  });
});

describe('a store whose clock is set forward', () => {
  it.each([
    ['milliseconds', 50, 200],
    ['a part of a window', 500, 600],
    ['hours', 3_600_000, 1_200],
  ])('[R169] by %s frees no token too early, and each soon after', async (_, byMs, afterMs) => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    a.ask(2);
    await fleet.clock.advance(0);
    a.giveBackAll();
    await fleet.clock.advance(400);
    a.ask(2);
    await fleet.clock.advance(0);
    a.giveBackAll();
    b.ask(8);
    await fleet.clock.advance(300);
    fleet.clock.set(byMs);
    await fleet.clock.advance(299);
    expect(b.granted).toHaveLength(0);
    await fleet.clock.advance(1 + afterMs);
    expect(b.granted.length).toBeGreaterThanOrEqual(2);
    const [, , third] = b.granted;
    expect(third?.at ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(2_400);
    await fleet.clock.advance(400);
    expect(b.granted).toHaveLength(4);
    expect(fleet.logged).toContain('clock of the token store was set forward: all tokens cool for longer');
  });

  it('[R169] by a correction of 8 % loses less than a third of the limit to it', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    const until = fleet.clock.monotonic() + 20_000;
    a.sendRequests(
      8,
      () => 30,
      () => fleet.clock.monotonic() > until,
    );
    for (let passed = 0; passed < 20_000; passed += 100) {
      await fleet.clock.advance(100);
      fleet.clock.set(8);
    }
    const possible = (limit.capacity * 20_000) / limit.windowMs;
    expect(a.requests / possible).toBeGreaterThan(0.67);
    expect(a.requests / possible).toBeLessThanOrEqual(1.05);
  });
});

describe('an answer of the store', () => {
  it('[R27] that is lost blocks no token for long, and grants none twice', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    a.store.onAnswer = async () => {
      a.store.onAnswer = async (answer) => answer;
      throw new TokenBucketUnavailableError('the answer was lost');
    };
    a.ask(6);
    await fleet.clock.advance(0);
    expect(a.granted).toHaveLength(0);
    await fleet.clock.advance(100);
    expect(a.granted).toHaveLength(4);
    await fleet.clock.advance(2_000);
    expect(a.granted).toHaveLength(4);
  });

  it('that is lost, with a response and a pause in its call, makes the next call report them again', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    a.ask(4);
    await fleet.clock.advance(0);
    a.store.beforeCall = async () => {
      a.store.beforeCall = async () => {};
      throw new TokenBucketUnavailableError('the call was not sent');
    };
    a.giveBackAll();
    const paused = a.bucket.pause(1_500);
    b.ask();
    await fleet.clock.advance(1_499);
    await paused;
    expect(b.granted).toHaveLength(0);
    await fleet.clock.advance(1);
    expect(b.granted).toHaveLength(1);
  });

  it('that arrives late is not used: its tokens are returned', async () => {
    const [a, b] = await fleet.assemble(['a', 'b'], limit);
    // As if the process had been stopped between its call and the answer.
    const stopped = Promise.withResolvers<void>();
    a.store.onAnswer = async (answer) => {
      await stopped.promise;
      a.store.onAnswer = async (later) => later;
      return answer;
    };
    a.ask(4);
    await fleet.clock.advance(1_001);
    b.ask(1);
    await fleet.clock.advance(0);
    expect(b.granted).toHaveLength(0);
    stopped.resolve();
    await fleet.clock.advance(500);
    expect(b.granted).toHaveLength(1);
    expect(a.granted).toHaveLength(3);
  });
});

describe('an unreachable store', () => {
  it('[R27] makes every process wait, and grants no token meanwhile', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    fleet.logged.length = 0;
    a.ask(2);
    await fleet.clock.advance(0);
    await server.kill();
    a.giveBackAll();
    a.ask(4);
    await fleet.clock.advance(20_000);
    expect(a.granted).toHaveLength(2);
    expect(a.bucket.isReachable).toBe(false);
    await expect(a.bucket.state()).rejects.toThrow(TokenBucketUnavailableError);
    await server.start();
    await fleet.clock.advance(5_000 + limit.windowMs);
    expect(a.bucket.isReachable).toBe(true);
    expect(a.granted).toHaveLength(6);
    expect(fleet.logged).toEqual([
      'token bucket unreachable; sending no requests',
      'token bucket reachable again',
      'token bucket was new or had lost data: closed for a window',
    ]);
  });

  it('is detected when it accepts calls and does not answer', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    await server.frozenDuring(async () => {
      a.ask();
      await fleet.clock.advance(0);
      expect(a.bucket.isReachable).toBe(false);
    });
    await fleet.clock.advance(1_000);
    expect(a.granted).toHaveLength(1);
  });

  it('does not prevent closing', async () => {
    const [a] = await fleet.assemble(['a'], limit);
    a.ask(8);
    await fleet.clock.advance(0);
    await server.kill();
    a.giveBackAll();
    await a.bucket[Symbol.asyncDispose]();
    await server.start();
  });
});

describe('opening', () => {
  const open = (url: string) =>
    openSharedTokenBucket({
      url: new Secret(url),
      limit,
      requestTimeoutMs,
      clock: systemClock,
      log: createLogger('silent', []),
    });
  const failure = (url: string) =>
    open(url).then(
      () => expect.fail('it opened'),
      (error: Error) => error,
    );

  it('names an address at which no server listens, without the password', async () => {
    const error = await failure('redis://user:s3cret@127.0.0.1:1');
    expect(error).toBeInstanceOf(TokenBucketUnavailableError);
    expect(error).toMatchObject({ retriable: true });
    expect(error.message).toContain('127.0.0.1:1 ');
    expect(JSON.stringify([error, error.stack, error.message])).not.toMatch(/s3cret|user:/);
  });

  it('gives up if the server does not answer', async () => {
    await server.frozenDuring(async () => {
      await expect(fleet.join('a', limit)).rejects.toThrow(TokenBucketUnavailableError);
    });
  });

  it('distinguishes a wrong password from an outage, and works with the right one', async () => {
    await using locked = await RedisServer.start({ password: 'p@ss/w:rd' });
    for (const credentials of ['', ':wr0ng@', 'stranger:p%40ss%2Fw%3Ard@']) {
      const error = await failure(locked.url.replace(/\/\/.*@/, `//${credentials}`));
      expect(error).toBeInstanceOf(TokenBucketRefusedError);
      expect(error).toMatchObject({ retriable: false, exitCode: 3 });
      expect(error.message).not.toMatch(/wr0ng|p@ss|p%40ss|stranger/);
    }
    await using bucket = await open(locked.url);
    expect(await bucket.state()).toMatchObject(limit);
  });

  it('refuses an invalid URL without printing it', async () => {
    const error = await failure('no url with s3cret');
    expect(error.message).toContain('redis://');
    expect(error.message).not.toContain('s3cret');
  });
});
