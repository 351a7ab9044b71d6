import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode } from '../../runtime/errors.ts';
import { until } from '../support/processes/fleet.ts';
import { eitherOf, injectOn } from '../support/snowflake/chaos.ts';
import { type Loading, SnowflakeFixture } from '../support/snowflake/loading.ts';
import { EndlessTopics } from '../support/snowflake/topics.ts';
import { casesOf } from '../tiers.ts';

/** The number of records in each partition. */
const records = 40;
const within = { timeoutMs: 20_000 };

const paths = [
  { path: 'by files', copyFrom: 1 },
  { path: 'by binds', copyFrom: Number.POSITIVE_INFINITY },
];

// The random faults always affect both ways to load.
describe.each(casesOf(paths))('a loader that loads $path loads everything once', ({ copyFrom }) => {
  let fixture: SnowflakeFixture;
  let topics: EndlessTopics;

  beforeAll(async () => {
    fixture = await SnowflakeFixture.open({ abortIdleBlockerSeconds: 3 });
  });
  afterAll(() => fixture[Symbol.asyncDispose]());
  beforeEach(async () => {
    await fixture.recreate();
    topics = new EndlessTopics({ chunkSize: 10 });
    topics.end(records);
  });

  const start = (timeoutMs = 1_000) => fixture.start(topics, { copyFrom, timeoutMs });

  const loadsAllOnce = async (loading: Loading) => {
    await loading.ended;
    // Every 29th record is unreadable.
    expect(await fixture.audit(await topics.ends)).toMatchObject({ rows: 3 * (records - 1) });
  };

  it.each(casesOf(['hang', 'close', 'late reply'] as const))(
    '[R53] when the reply to COMMIT is lost: %s',
    { tags: ['full'] },
    async (fault) => {
      const judge = injectOn('commit', fault, { nth: 2 });
      const askedAfterwards: string[] = [];
      fixture.proxy.judge = (request) => {
        if (fixture.proxy.injections.length > 0) askedAfterwards.push(request.kind);
        return judge(request);
      };
      const loading = start();
      await loadsAllOnce(loading);
      expect(fixture.proxy.injections).toMatchObject([{ kind: 'commit', tookEffect: true }]);
      // After a cut, the driver may repeat the request in time, with the same request id, and receive the reply. Then the loader notices nothing.
      const isToldByDriver = fault === 'close' && askedAfterwards[0] === 'commit';
      expect(isToldByDriver || loading.failures() > 0).toBe(true);
    },
  );

  it.each(casesOf(['reset', '503', '429'] as const))(
    '[R53] when COMMIT never arrives: %s',
    { tags: ['full'] },
    async (fault) => {
      fixture.proxy.judge = injectOn('commit', fault, { nth: 2, times: 2 });
      await loadsAllOnce(start());
      expect(fixture.proxy.injections).toMatchObject(Array(2).fill({ kind: 'commit', tookEffect: false }));
    },
  );

  it('[R54] when COMMIT arrives after its timeout, and the next attempt already waits behind it', {
    tags: ['full'],
  }, async () => {
    fixture.proxy.judge = eitherOf(injectOn('commit', 'late request', { nth: 2 }), injectOn('logout', 'reset'));
    let waitedBehind = false;
    const { judge } = fixture.proxy;
    fixture.proxy.judge = (request) => {
      const [late] = fixture.proxy.injections;
      if (late && request.kind === 'update') waitedBehind ||= !late.tookEffect;
      return judge(request);
    };
    await loadsAllOnce(start());
    expect(fixture.proxy.injections).toMatchObject([
      { kind: 'commit', tookEffect: true },
      { kind: 'logout', tookEffect: false },
    ]);
    expect(waitedBehind).toBe(true);
  });

  it('[R55] when Snowflake is unavailable for a while', { tags: ['full'] }, async () => {
    let isOut = true;
    fixture.proxy.judge = () => (isOut ? '503' : undefined);
    const loading = start();
    await until('it has failed three times', async () => loading.failures() >= 3, within);
    isOut = false;
    await loadsAllOnce(loading);
    expect(fixture.proxy.counts()['login 503']).toBeGreaterThanOrEqual(3);
  });

  it.each([
    { moment: 'before COMMIT', fault: undefined },
    { moment: 'after COMMIT, before its reply', fault: 'hang' as const },
  ])('when Snowflake crashes $moment and restarts', { tags: ['full'] }, async ({ fault }) => {
    let commits = 0;
    fixture.proxy.judge = ({ kind }) => {
      if (kind !== 'commit' || ++commits !== 2) return undefined;
      if (!fault) void fixture.emulator.kill();
      return fault;
    };
    const loading = start();
    if (fault) {
      await until('COMMIT is done', async () => fixture.proxy.injections[0]?.tookEffect === true, within);
      await fixture.emulator.kill();
    }
    await until('two flushes have failed', async () => loading.failures() >= 2, within);
    await fixture.emulator.start();
    await loadsAllOnce(loading);
  });

  it('[R55] when another transaction holds the lock for longer than the loader may wait', {
    tags: ['full'],
  }, async () => {
    await using other = await fixture.session();
    await other.execute({ sql: 'begin' });
    await other.execute({ sql: 'update bronze.load_lock set taken_at = sysdate()' });
    const logged = (await fixture.emulator.statements()).length;
    // Snowflake ends the wait after half of this time.
    const loading = start(4_000);
    const asked = performance.now();
    await until('a flush has failed', async () => loading.failures() >= 1, within);
    expect(performance.now() - asked).toBeGreaterThan(1_900);
    await other.execute({ sql: 'rollback' });
    await loadsAllOnce(loading);
    const own = (await fixture.emulator.statements()).slice(logged);
    expect(own.filter(({ err }) => err?.includes('lock'))).not.toEqual([]);
  });

  it.runIf(copyFrom === 1).each(['reset', 'close', '503'] as const)(
    'when the stage is unreachable: %s',
    { tags: ['full'] },
    async (fault) => {
      fixture.proxy.judge = injectOn('upload', fault, { times: 2 });
      await loadsAllOnce(start());
      expect(fixture.proxy.injections.length).toBe(2);
    },
  );

  it('[R55] when its session expires during a transaction and is renewed', { tags: ['full'] }, async () => {
    fixture.proxy.judge = eitherOf(injectOn('merge', 'expired'), injectOn('commit', 'expired', { nth: 2 }));
    const loading = start();
    await loadsAllOnce(loading);
    expect(fixture.proxy.counts()).toEqual({ 'merge expired': 1, 'commit expired': 1 });
    expect(loading.failures()).toBe(0);
  });

  it('[R55] when its session expires during a transaction and cannot be renewed', { tags: ['full'] }, async () => {
    fixture.proxy.judge = eitherOf(injectOn('merge', 'expired'), injectOn('renewal', 'expired'));
    const loading = start();
    await loadsAllOnce(loading);
    expect(fixture.proxy.counts()).toEqual({ 'merge expired': 1, 'renewal expired': 1 });
    // It can no longer log out of the session, which holds the lock until Snowflake ends the session.
    expect(loading.failures()).toBeGreaterThanOrEqual(2);
  });

  it.each(['late reply', 'queued'] as const)(
    'when the virtual warehouse must resume first: %s, within the timeout',
    { tags: ['full'] },
    async (fault) => {
      fixture.proxy.judge = injectOn('update', fault);
      const loading = start(5_000);
      await loadsAllOnce(loading);
      expect(fixture.proxy.injections).toMatchObject([{ kind: 'update', tookEffect: true }]);
      expect(loading.failures()).toBe(0);
    },
  );

  it('[R55] when the virtual warehouse takes longer to resume than the timeout', { tags: ['full'] }, async () => {
    fixture.proxy.judge = injectOn('update', 'queued', { times: 2 });
    const loading = start();
    await loadsAllOnce(loading);
    expect(loading.failures()).toBeGreaterThanOrEqual(2);
  });

  it('unless its credentials are wrong: then it ends at once', { tags: ['full'] }, async () => {
    fixture.proxy.judge = injectOn('login', 'refused', { times: 100 });
    await expect(start().ended).rejects.toMatchObject({ exitCode: ExitCode.credentialsRefused, retriable: false });
    // Its partitions ask for their positions at the same time.
    expect(fixture.proxy.injections.length).toBeLessThanOrEqual(3);
  });

  it('unless its credentials are revoked: then it ends when it must log in again', {
    tags: ['full'],
  }, async () => {
    fixture.proxy.judge = eitherOf(
      injectOn('commit', 'reset', { nth: 2 }),
      injectOn('login', 'refused', { nth: 2, times: 100 }),
    );
    await expect(start().ended).rejects.toMatchObject({ exitCode: ExitCode.credentialsRefused });
    fixture.proxy.judge = () => undefined;
    await loadsAllOnce(start());
  });
});

describe('a loader that stalls until Snowflake rolls back its transaction', () => {
  let fixture: SnowflakeFixture;

  beforeAll(async () => {
    fixture = await SnowflakeFixture.open({ abortIdleBlockerSeconds: 0.5, lateMs: 2_000 });
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  it.each(['merge', 'insert', 'put', 'copy', 'delete', 'commit'])(
    '[R55] before %s loads everything once',
    { tags: ['full'] },
    async (kind) => {
      await fixture.recreate();
      const topics = new EndlessTopics({ chunkSize: 10 });
      topics.end(records);
      fixture.proxy.judge = injectOn(kind, 'late request');
      const loading = fixture.start(topics, { copyFrom: 1, timeoutMs: 20_000 });
      await until('a request is held up', () => fixture.proxy.injections.length === 1, within);
      await using other = await fixture.session();
      await other.execute({ sql: 'update bronze.load_lock set taken_at = sysdate()' });
      expect(fixture.proxy.injections).toMatchObject([{ tookEffect: false }]);
      await loading.ended;
      expect(await fixture.audit(await topics.ends)).toMatchObject({ rows: 3 * (records - 1) });
    },
  );
});

describe('while Snowflake is unavailable', () => {
  it('[R55] a loader keeps at most two micro-batches in memory, and reads no more records', {
    tags: ['full'],
  }, async () => {
    await using fixture = await SnowflakeFixture.open({ abortIdleBlockerSeconds: 60 });
    await fixture.recreate();
    const padding = 10_000;
    const maxBytes = 20 * padding;
    const topics = new EndlessTopics({ chunkSize: 5, padding });
    let isOut = false;
    fixture.proxy.judge = () => (isOut ? '503' : undefined);
    const loading = fixture.start(topics, { maxRows: 1_000, maxBytes, timeoutMs: 1_000 });
    await until('it loads', async () => loading.flushes() >= 2, within);
    isOut = true;
    await until('two flushes have failed', async () => loading.failures() >= 2, within);
    const deliveredRecords = topics.deliveredRecords;
    await until('six flushes have failed', async () => loading.failures() >= 6, within);
    expect(topics.deliveredRecords).toBe(deliveredRecords);
    const waiting = deliveredRecords - loading.rows();
    process.stdout.write(`${((waiting * padding) / maxBytes).toFixed(1)} micro-batches waited\n`);
    // Plus the records in flight in each of the three partitions.
    expect(waiting * padding).toBeLessThanOrEqual(2 * maxBytes + 3 * 5 * padding * 1.1);
    isOut = false;
    topics.end();
    await loading.ended;
    await fixture.audit(await topics.ends, 'x'.repeat(padding));
  });
});
