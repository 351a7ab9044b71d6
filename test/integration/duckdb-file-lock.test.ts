import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../runtime/leases.ts';
import { takeFileLock } from '../../warehouse/duckdb/file-lock.ts';
import type { WriteLock } from '../../warehouse/system.ts';
import { ManualClock } from '../support/clock/manual-clock.ts';

describe('locks of a DuckDB file', () => {
  let path: string;
  let clock: ManualClock;
  const take = (waitMs = 60_000, signal?: AbortSignal) => takeFileLock({ path, clock, waitMs, signal });
  const entries = () => readdirSync(`${path}.queue`);
  /** Adds the entry of an earlier process in another container, which was last active this long ago. */
  const plant = (secondsAgo: number) => {
    const entry = join(`${path}.queue`, `${'1'.padStart(15, '0')}-0000000000-7-aaaa`);
    mkdirSync(`${path}.queue`, { recursive: true });
    writeFileSync(entry, JSON.stringify({ host: 'another-host', place: 'elsewhere', pid: 7, identity: 'boot/1' }));
    const seen = new Date(Date.now() - secondsAgo * 1_000);
    utimesSync(entry, seen, seen);
    return entry;
  };

  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'tmdb-stream-lock-')), 'x.duckdb');
    clock = new ManualClock();
  });
  afterEach(() => rmSync(join(path, '..'), { recursive: true }));

  it('[R8] are granted in the order of the requests', async () => {
    const order: number[] = [];
    const first = await take();
    const others: Promise<WriteLock>[] = [];
    for (let caller = 1; caller <= 3; caller += 1) {
      others.push(
        take().then((lock) => {
          order.push(caller);
          return lock;
        }),
      );
    }
    await clock.advance(1_000);
    expect(order).toEqual([]);
    await first[Symbol.asyncDispose]();
    for (const other of others) {
      await clock.advance(20);
      await (await other)[Symbol.asyncDispose]();
    }
    expect(order).toEqual([1, 2, 3]);
    expect(entries()).toEqual([]);
  });

  it('tell their owner when another process waits', async () => {
    await using lock = await take();
    expect(lock.isWanted()).toBe(false);
    const waiting = take();
    while (entries().length < 2) await clock.advance(1);
    expect(lock.isWanted()).toBe(true);
    await lock[Symbol.asyncDispose]();
    await clock.advance(20);
    await (await waiting)[Symbol.asyncDispose]();
  });

  it('skip a killed owner in another container, and wait for one that is alive', async () => {
    plant(10);
    await (await take(0))[Symbol.asyncDispose]();
    plant(1);
    const refused = expect(take(100)).rejects.toMatchObject({ name: 'WarehouseUnavailableError', retriable: true });
    // The wait is longer than configured, because the entry of a killed owner would expire in this time.
    await clock.advance(waitFor('fileLock', 100) + 100);
    await refused;
    expect(entries()).toHaveLength(1);
  });

  it('leave no trace of a process that gave up', async () => {
    plant(0);
    const controller = new AbortController();
    const waiting = expect(take(60_000, controller.signal)).rejects.toThrow('stop');
    await clock.advance(100);
    controller.abort(new Error('stop'));
    await waiting;
    expect(entries()).toHaveLength(1);
  });
});
