import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimDataDir } from '../../kafka/broker/claim.ts';
import { systemClock } from '../../runtime/clock.ts';
import { type Holder, holderOf, isGone, ownHolder } from '../../runtime/holder.ts';
import { type Lease, leases, waitFor } from '../../runtime/leases.ts';
import { takeFileLock } from '../../warehouse/duckdb/file-lock.ts';
import { openSnowflakeBackfill } from '../../warehouse/snowflake/backfill.ts';
import { openSnowflakeRebuild } from '../../warehouse/snowflake/rebuild.ts';
import { openSnowflakeSession, type SnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { takeTransformLease } from '../../warehouse/snowflake/transform-lease.ts';
import { openSnowflakeWarehouse } from '../../warehouse/snowflake/warehouse.ts';
import { ManualClock } from '../support/clock/manual-clock.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { makeDatabase } from '../support/snowflake/fixture.ts';
import { casesOf } from '../tiers.ts';

const linux = process.platform === 'linux';

/** A holder in another container: this process cannot see whether it still runs. */
const outOfSight: Holder = { host: 'host-b', place: 'another boot', pid: 7, identity: 'boot/1' };

/** A holder on this machine that has ended. */
async function ended(): Promise<Holder> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const holder = holderOf(child.pid ?? 0);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return holder;
}

/** The outcome of a wait: its duration in milliseconds, or its error. */
interface Waited {
  readonly ms: number;
  readonly error?: Error;
}

/** A lease held by another process. The configured wait is as short as possible. */
interface Wait {
  readonly lease: Lease;
  /** @param leftMs the remaining time of the lease of a dead holder. */
  readonly waitFor: (holder: Holder, leftMs: number) => Promise<Waited>;
}

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-leases-'));
  folders.push(folder);
  return folder;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Advances the clock until `taking` ends. The age of a touched file advances as well. */
async function onManualClock(
  taking: (clock: ManualClock) => Promise<AsyncDisposable | Disposable>,
  file: string,
  ageMs: number,
): Promise<Waited> {
  const clock = new ManualClock();
  const startedAt = clock.monotonic();
  let waited: Waited | undefined;
  const age = () => {
    const seen = new Date(Date.now() - ageMs - (clock.monotonic() - startedAt));
    try {
      utimesSync(file, seen, seen);
    } catch {
      // Taken over.
    }
  };
  age();
  taking(clock).then(
    async (held) => {
      waited = { ms: clock.monotonic() - startedAt };
      await (Symbol.asyncDispose in held ? held[Symbol.asyncDispose]() : held[Symbol.dispose]());
    },
    (error) => {
      waited = { ms: clock.monotonic() - startedAt, error };
    },
  );
  while (waited === undefined) {
    await clock.advance(20);
    if (waited === undefined) age();
  }
  return waited;
}

const fileLock: Wait = {
  lease: 'fileLock',
  waitFor: async (holder, leftMs) => {
    const path = join(newFolder(), 'x.duckdb');
    const entry = join(`${path}.queue`, `${'1'.padStart(15, '0')}-0000000000-7-aaaa`);
    mkdirSync(`${path}.queue`);
    writeFileSync(entry, JSON.stringify(holder));
    return onManualClock((clock) => takeFileLock({ path, clock, waitMs: 0 }), entry, leases.fileLock - leftMs);
  },
};

const claim = (lease: Lease, content: (holder: Holder) => Promise<object>): Wait => ({
  lease,
  waitFor: async (holder, leftMs) => {
    const dataDir = newFolder();
    const file = join(dataDir, 'broker.json');
    writeFileSync(file, JSON.stringify(await content(holder)));
    const taking = async (clock: ManualClock) => {
      const { release } = await claimDataDir(dataDir, {}, clock);
      return { [Symbol.dispose]: release };
    };
    return onManualClock(taking, file, leases.brokerClaim - leftMs);
  },
});

describe('a holder', () => {
  it('is gone when it has ended, and not when it runs or cannot be checked', async () => {
    expect([isGone(ownHolder()), isGone(outOfSight), isGone(await ended())]).toEqual([false, false, true]);
  });

  it.runIf(linux)('is distinguished from a process with the same pid in another boot or container', () => {
    const { place, ...own } = ownHolder();
    expect(place).toMatch(/^[0-9a-f-]{36} pid:\[\d+\]$/);
    // The same name and pid, as is possible with `hostname:` or with the host's network.
    expect(isGone({ ...own, place: `${place}0`, identity: 'boot/1' })).toBe(false);
  });
});

it('never waits for less time than the lease lasts, whatever the setting', () => {
  fc.assert(
    fc.property(fc.constantFrom(...(Object.keys(leases) as Lease[])), fc.nat({ max: 10 ** 8 }), (lease, configured) => {
      expect(waitFor(lease, configured)).toBeGreaterThan(leases[lease]);
      expect(waitFor(lease, configured)).toBeGreaterThanOrEqual(configured);
    }),
  );
});

describe.runIf(linux).each([fileLock, claim('brokerClaim', async (owner) => ({ owner }))])(
  'the wait for $lease',
  ({ lease, waitFor: waitUntilTaken }) => {
    it('[R93] lasts longer than the lease of a dead holder that cannot be checked, however short it is configured', async () => {
      const { ms, error } = await waitUntilTaken(outOfSight, leases[lease]);
      expect(error).toBeUndefined();
      expect(ms).toBeGreaterThanOrEqual(leases[lease]);
      expect(ms).toBeLessThan(leases[lease] + 1_000);
    });

    it('[R93] ends at once when the holder is a dead process of this machine', async () => {
      expect(await waitUntilTaken(await ended(), leases[lease])).toEqual({ ms: 0 });
    });

    it('[R93] names holder, host, pid and the remaining time when it ends without success', async () => {
      const alive = await waitUntilTaken(ownHolder(), leases[lease]);
      expect(alive.error?.message).toContain(`process ${process.pid} on ${hostname()}`);
      // A file that is touched forever.
      const elsewhere = await waitUntilTaken(outOfSight, 10 ** 9);
      expect(elsewhere.error?.message).toMatch(/process 7 on host-b.* in \d+ s/);
    });
  },
);

describe.runIf(linux)('the wait for orphanedBroker', () => {
  it('lasts longer than a broker needs to stop, and names the broker if it does not stop', async () => {
    const broker = spawn('sleep', ['60'], { stdio: 'ignore' });
    const orphan = { ...holderOf(broker.pid ?? 0), address: '127.0.0.1:1' };
    const { waitFor: waitUntilTaken } = claim('orphanedBroker', async (owner) => ({ owner, broker: orphan }));
    const { ms, error } = await waitUntilTaken(await ended(), 0);
    expect(ms).toBeGreaterThan(leases.orphanedBroker);
    expect(error?.message).toContain(`process ${broker.pid} on ${hostname()}) still uses`);
    broker.kill('SIGKILL');
    await once(broker, 'exit');
    expect(await waitUntilTaken(await ended(), 0)).toEqual({ ms: 0 });
  });
});

describe('on Snowflake', () => {
  /** On Snowflake, 300 s. Here, longer than the lock timeout of statements, which is 2 s. */
  const idleBlockerSeconds = 3.5;
  let emulator: SnowflakeEmulator;
  let other: SnowflakeSession;
  const settings = () => emulator.settings({ database: 'LEASES', timeoutMs: 4_000 });
  const options = () => ({ settings: settings(), clock: systemClock, stage: 'test' });

  beforeAll(async () => {
    emulator = await SnowflakeEmulator.start({ abortIdleBlockerSeconds: idleBlockerSeconds });
    await makeDatabase(settings());
    other = await openSnowflakeSession({ ...options(), settings: { ...settings(), timeoutMs: 20_000 } });
    await other.execute({ sql: 'create schema if not exists silver' });
    await using warehouse = await openSnowflakeWarehouse(options());
    await warehouse.migrate();
    await (await takeTransformLease({ ...options(), waitMs: 0 }))[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    await other?.[Symbol.asyncDispose]();
    await emulator[Symbol.asyncDispose]();
  });

  const timed = async (work: () => Promise<unknown>): Promise<Waited> => {
    const startedAt = performance.now();
    const failed = await work().then(
      () => ({}),
      (error) => ({ error }),
    );
    return { ms: performance.now() - startedAt, ...failed };
  };
  /** Sets the lease to the state in which its holder left it. */
  const leasedBy = (holder: string, leftSeconds: number) =>
    other.execute({
      sql: `update silver.transform_lease set holder = ?, leased_until = dateadd(second, ${leftSeconds}, sysdate())`,
      binds: [holder],
    });
  const takeTransform = (waitMs = 0) =>
    timed(async () => (await takeTransformLease({ ...options(), waitMs }))[Symbol.asyncDispose]());

  const holders: [string, string][] = [
    ['a holder out of sight', JSON.stringify({ ...outOfSight, id: '1' })],
    ['text that does not name a holder', 'host-b/7/0a1b'],
  ];
  it.each(casesOf(holders))('the wait for transform outlasts %s, however short it is configured', async (_, holder) => {
    await leasedBy(holder, 4);
    const { ms, error } = await takeTransform();
    expect(error).toBeUndefined();
    expect(ms).toBeGreaterThan(2_500);
  });

  it.runIf(linux)('the wait for transform ends at once when the holder is a dead process of this machine', async () => {
    await leasedBy(JSON.stringify({ ...(await ended()), id: '1' }), 90);
    expect((await takeTransform()).error).toBeUndefined();
    const { rows } = await other.execute({
      sql: 'select leased_until <= sysdate() as is_free from silver.transform_lease',
    });
    expect(rows).toEqual([{ is_free: true }]);
  });

  it('the wait for transform names holder, host, pid and remaining time when it ends without success', async () => {
    await leasedBy(JSON.stringify({ ...ownHolder(), id: '1' }), 3_600);
    // The clock runs a hundred times as fast as real time.
    const clock = { ...systemClock, monotonic: () => 100 * systemClock.monotonic() };
    const { error } = await timed(() => takeTransformLease({ ...options(), clock, waitMs: 0 }));
    expect(error?.message).toMatch(
      new RegExp(`process ${process.pid} on ${hostname()}: wait for it, or end it .* in 3[56]\\d\\d s`),
    );
  });

  const waits: [string, string, () => Promise<Waited>][] = [
    ['the row of the transform lease', 'silver.transform_lease', () => takeTransform()],
    [
      "the loaders' row, for a replay",
      'bronze.load_lock',
      () =>
        timed(async () => {
          await using backfill = await openSnowflakeBackfill(options(), 'waits');
          await backfill.begin([]);
        }),
    ],
    [
      "the loaders' row, for a rebuild",
      'bronze.load_lock',
      () =>
        timed(async () => {
          await using rebuild = await openSnowflakeRebuild(options());
          await rebuild.migrate();
          await rebuild.promote();
        }),
    ],
  ];
  describe.each(casesOf(waits))('the wait for transaction: %s', (_, table, waiting) => {
    it('[R93] lasts longer than a transaction that a dead process left open', async () => {
      await leasedBy('', 0);
      await using dead = await openSnowflakeSession({ ...options(), settings: { ...settings(), timeoutMs: 20_000 } });
      await dead.execute({ sql: 'begin' });
      await dead.execute({
        sql: `update ${table} set ${table.startsWith('silver') ? 'holder = holder' : 'taken_at = sysdate()'}`,
      });
      const { ms, error } = await waiting();
      expect(error).toBeUndefined();
      expect(ms).toBeGreaterThan(1_000 * (idleBlockerSeconds - 1));
    });
  });
});

it('[R93] the tests above cover the wait for every lease', () => {
  const source = readFileSync(import.meta.filename, 'utf8');
  const named = Object.keys(leases).filter(
    (lease) =>
      source.includes(`lease: '${lease}'`) ||
      source.includes(`claim('${lease}'`) ||
      source.includes(`the wait for ${lease}`),
  );
  expect(named).toEqual(Object.keys(leases));
});
