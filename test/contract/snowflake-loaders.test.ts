import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { Secret } from '../../runtime/secret.ts';
import { SnowflakeClient } from '../../warehouse/snowflake/client.ts';
import { copyRows } from '../../warehouse/snowflake/copy-rows.ts';
import { insertRows } from '../../warehouse/snowflake/insert-rows.ts';
import { areTaken, LoadLedger, recordBatches } from '../../warehouse/snowflake/ledger.ts';
import { takeLoadLock } from '../../warehouse/snowflake/load-lock.ts';
import { openSnowflakeSession, type SnowflakeSettings } from '../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../warehouse/snowflake/warehouse.ts';
import type { Batch } from '../../warehouse/warehouse.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { makeDatabase } from '../support/snowflake/fixture.ts';
import { SnowflakeProxy } from '../support/snowflake/proxy.ts';

const partition = { clusterId: 'cluster-a', topic: 'tmdb.raw-movies', topicId: 'topic-1', partition: 0 };

const batch = (first: number, next: number): Batch => ({
  table: 'raw_movies',
  partition,
  firstOffset: BigInt(first),
  nextOffset: BigInt(next),
  rows: Array.from({ length: next - first }, (_, index) => ({
    kafkaOffset: BigInt(first + index),
    movieId: 1,
    body: Buffer.from('{"id":1}'),
    sourceUrl: 'https://api.themoviedb.org/3/movie/1',
    httpStatus: 200,
    fetchedAt: new Date(Date.UTC(2026, 0, 1)),
  })),
});

describe('two loaders of one Snowflake', () => {
  let emulator: SnowflakeEmulator;
  let settings: SnowflakeSettings;
  let databases = 0;

  beforeAll(async () => {
    emulator = await SnowflakeEmulator.start();
  });
  afterAll(() => emulator[Symbol.asyncDispose]());
  beforeEach(async () => {
    settings = {
      account: 'fakesnow',
      user: 'loader',
      credentials: { kind: 'token', token: new Secret('made-up') },
      role: undefined,
      database: `LOADERS_${++databases}`,
      ingestWarehouse: 'LECTURE_INGEST_WH',
      transformWarehouse: 'LECTURE_TRANSFORM_WH',
      analystRole: 'ANALYST_ROLE',
      dashboardPollMs: 60_000,
      url: emulator.url,
      timeoutMs: 20_000,
    };
    await makeDatabase(settings);
  });

  const open = () => openSnowflakeWarehouse({ settings, clock: systemClock, stage: 'test' });
  const offsets = async () => {
    await using session = await openSnowflakeSession({ settings, clock: systemClock, stage: 'test' });
    const { rows } = await session.execute({ sql: 'select kafka_offset from bronze.raw_movies order by kafka_offset' });
    return rows.map((row) => Number(row['kafka_offset']));
  };

  it('[R61] that begin a partition at the same time load it once: the other is fenced', async () => {
    await using one = await open();
    await using other = await open();
    await one.migrate();
    // Both are logged in, so that they load at the same time.
    await Promise.all([one, other].map((warehouse) => warehouse.positions(partition)));
    const results = await Promise.allSettled([one, other].map((warehouse) => warehouse.append([batch(0, 3)])));
    const rejected = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(rejected).toEqual([expect.objectContaining({ name: 'FencedError' })]);
    expect(await offsets()).toEqual([0, 1, 2]);
  });

  it('[R61] that repeatedly resume from the same position load the next records once', { tags: ['full'] }, async () => {
    await using one = await open();
    await using other = await open();
    await one.migrate();
    for (let first = 0; first < 15; first += 3) {
      const results = await Promise.allSettled([one, other].map((loader) => loader.append([batch(first, first + 3)])));
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
    expect(await offsets()).toEqual(Array.from({ length: 15 }, (_, index) => index));
  });

  it('[P7] load nothing by statements of a loader that was suspended until it lost its lock', {
    tags: ['full'],
  }, async () => {
    await using warehouse = await open();
    await warehouse.migrate();
    await using session = await openSnowflakeSession({ settings, clock: systemClock, stage: 'test' });
    await session.execute({ sql: 'begin' });
    const lock = await takeLoadLock(session);
    // Snowflake does this to an idle transaction that blocks another one.
    await session.execute({ sql: 'rollback' });
    const lost = { name: 'WarehouseUnavailableError', message: expect.stringContaining('the lock was lost') };
    const numbered = [{ batch: batch(0, 3), id: 'late', loadSeq: 1n, ingestedAt: new Date() }];
    await expect(new LoadLedger().advance(lock, [batch(0, 3)], new Date())).rejects.toMatchObject(lost);
    await expect(recordBatches(lock, '', numbered)).rejects.toMatchObject(lost);
    await expect(insertRows(lock, 'raw_movies', numbered, '')).rejects.toMatchObject(lost);
    await expect(copyRows(lock, 'raw_movies', numbered, '')).rejects.toMatchObject(lost);
    expect(await offsets()).toEqual([]);
    expect(await warehouse.positions(partition)).toEqual(new Map());
    // The rows of its COPY INTO are gone as well.
    await using other = await openSnowflakeWarehouse({ settings, clock: systemClock, stage: 'test', copyFrom: 1 });
    await other.append([batch(0, 2)]);
    expect(await offsets()).toEqual([0, 1]);
    const { rows } = await session.execute({ sql: 'select count(*) as left_over from bronze.load_lines' });
    expect(rows).toEqual([{ left_over: 0n }]);
  });

  it('report a transaction that an administrator ended, although COMMIT succeeds', {
    tags: ['full'],
  }, async () => {
    await using warehouse = await open();
    await warehouse.migrate();
    await using client = new SnowflakeClient({ settings, clock: systemClock, stage: 'test' });
    const ledger = new LoadLedger();
    const load = (ending: string) =>
      client.transaction(
        async (session) => {
          await ledger.advance(await takeLoadLock(session), [batch(0, 3)], new Date());
          await session.execute({ sql: ending });
        },
        (session) => areTaken(session, ledger, [batch(0, 3)]),
      );
    await expect(load('rollback')).rejects.toMatchObject({ name: 'WarehouseUnavailableError' });
    expect(await warehouse.positions(partition)).toEqual(new Map());
    await load('select 1 as one');
    expect(await warehouse.positions(partition)).toEqual(new Map([[0, 3n]]));
  });

  it('are refused two batches of one partition in one call, because MERGE would accept both', {
    tags: ['full'],
  }, async () => {
    await using warehouse = await open();
    await warehouse.migrate();
    await expect(warehouse.append([batch(0, 1), batch(0, 1)])).rejects.toMatchObject({ name: 'FencedError' });
    expect(await offsets()).toEqual([]);
  });

  it('send nothing more in a session that did not answer, because its transaction may be open', {
    tags: ['full'],
  }, async () => {
    await using proxy = await SnowflakeProxy.start(emulator.url, { lateMs: 0 });
    proxy.judge = ({ kind }) => (kind === 'insert' && proxy.injections.length === 0 ? 'hang' : undefined);
    const cut = { ...settings, url: proxy.url, timeoutMs: 1_000 };
    await using warehouse = await open();
    await warehouse.migrate();
    await using one = await openSnowflakeWarehouse({ settings: cut, clock: systemClock, stage: 'cut' });
    await expect(one.append([batch(0, 3)])).rejects.toMatchObject({ name: 'WarehouseUnavailableError' });
    await one.append([batch(0, 3)]);
    expect(proxy.injections).toHaveLength(1);
    expect(await offsets()).toEqual([0, 1, 2]);
    const begun = (await emulator.statements()).filter(({ sql, tag }) => sql === 'begin' && tag?.includes('"cut"'));
    expect(new Set(begun.map(({ session }) => session)).size).toBe(2);
  });

  it('report documents that Snowflake refuses, and write nothing', {
    tags: ['full'],
  }, async () => {
    await using warehouse = await open();
    await warehouse.migrate();
    // Valid JSON, but too deep for the emulator's parser.
    const deep = Buffer.from(`${'['.repeat(4_000)}${']'.repeat(4_000)}`);
    const rows = batch(0, 450).rows.map((row, index) => (index % 200 === 7 ? { ...row, body: deep } : row));
    const refused = [7n, 207n, 407n].map((kafkaOffset) => ({ partition, kafkaOffset }));
    const whole = { ...batch(0, 450), rows } as Batch;
    await expect(warehouse.append([whole])).rejects.toMatchObject({ name: 'InvalidRowsError', rows: refused });
    expect(await offsets()).toEqual([]);
    await warehouse.append([{ ...whole, rows: rows.filter(({ body }) => body !== deep) } as Batch]);
    expect((await offsets()).length).toBe(447);
  });
});
