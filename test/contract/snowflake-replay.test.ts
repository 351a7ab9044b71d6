import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { adoptInSnowflake } from '../../warehouse/snowflake/adopt.ts';
import { openSnowflakeBackfill } from '../../warehouse/snowflake/backfill.ts';
import { openSnowflakeRebuild } from '../../warehouse/snowflake/rebuild.ts';
import { openSnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../warehouse/snowflake/warehouse.ts';
import type { Rebuild } from '../../warehouse/warehouse.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { makeDatabase } from '../support/snowflake/fixture.ts';
import { type SnowflakeFault, SnowflakeProxy } from '../support/snowflake/proxy.ts';
import { adoptionContract } from '../support/warehouse/adoption-contract.ts';
import {
  batch,
  expectLedgerAndRowsToAgree,
  fill,
  load,
  offsets,
  partition,
  promote,
  type ReplayFixture,
  replayContract,
  tablesBeside,
  topic,
} from '../support/warehouse/replay-contract.ts';

let emulator: SnowflakeEmulator;
let proxy: SnowflakeProxy;
let databases = 0;

beforeAll(async () => {
  // A late request arrives long after Snowflake has rolled back its transaction.
  emulator = await SnowflakeEmulator.start({ abortIdleBlockerSeconds: 3 });
  proxy = await SnowflakeProxy.start(emulator.url, { lateMs: 6_000 });
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await emulator[Symbol.asyncDispose]();
});

interface FixtureOptions {
  /** The timeout of a replay's calls. Only these go through the proxy. */
  readonly timeoutMs?: number;
  /** The number of rows from which a replay uses a file. A loader never does. */
  readonly copyFrom?: number;
}

async function openFixture({ timeoutMs = 20_000, copyFrom }: FixtureOptions = {}): Promise<ReplayFixture> {
  const settings = emulator.settings({ database: `REPLAY_${++databases}` });
  await makeDatabase(settings);
  const options = { settings, clock: systemClock, stage: 'test' };
  const replaying = {
    ...options,
    settings: { ...settings, url: proxy.url, timeoutMs },
    ...(copyFrom && { copyFrom }),
  };
  const eyes = await openSnowflakeSession(options);
  return {
    openLoader: () => openSnowflakeWarehouse(options),
    openRebuild: () => openSnowflakeRebuild(replaying),
    openBackfill: (name) => openSnowflakeBackfill(replaying, name),
    adopt: (adoptions) => adoptInSnowflake(options, adoptions),
    sql: async (sql) => (await eyes.execute({ sql })).rows,
    document: (text) => `parse_json('${text}')`,
    textOf: (document) => `to_json(${document})`,
    close: async () => eyes[Symbol.asyncDispose](),
  };
}

replayContract('Snowflake', openFixture);
adoptionContract('Snowflake', openFixture);

it('A rebuild in Snowflake treats a document from a file and the same document from binds as equal', async () => {
  const fixture = await openFixture({ copyFrom: 1 });
  const documents = [
    '{ "id" :\n\t1, "title":"天气之子 🎬 \\u00e9 \\/ \\\\" }',
    '{"b":1,"a":{"d":[],"c":null},"B":true,"id":2}',
    '{"a":-0,"b":12345678901234567890,"c":1.0,"d":0.1,"e":1e3,"f":6.02214076e23,"id":3}',
    '{"id":4,"id":5}',
    '"text"',
    'null',
  ];
  const odd = batch(0, documents.length);
  const rows = odd.rows.map((row, index) => ({ ...row, body: Buffer.from(documents[index] ?? '') }));
  try {
    await load(fixture, { ...odd, rows });
    await fill(fixture, { ...odd, rows });
    expect(await promote(fixture)).toMatchObject({ rows: documents.length, same: documents.length });
  } finally {
    await fixture.close();
  }
});

describe('A replay in Snowflake that is cut off', () => {
  let fixture: ReplayFixture;

  /** @param timeoutMs long enough that only calls with a fault take longer. */
  const begin = async (timeoutMs = 2_000) => {
    fixture = await openFixture({ timeoutMs });
    await load(fixture, batch(0, 4), batch(4, 8));
  };
  /** For a COMMIT that must succeed before the call times out: a logout would roll it back. */
  const patientMs = 6_000;
  afterEach(async () => {
    proxy.judge = () => undefined;
    proxy.injections.length = 0;
    await fixture.close();
  });

  /** Injects the fault into all matching statements until it is changed, because the driver retries. */
  const inject = (fault: SnowflakeFault, meant: RegExp) => {
    proxy.judge = ({ sql }) => (meant.test(sql) ? fault : undefined);
  };
  const heal = () => {
    expect(proxy.injections.length).toBeGreaterThan(0);
    proxy.judge = () => undefined;
  };
  const filledPositions = async () => {
    await using warehouse = await fixture.openRebuild();
    await warehouse.migrate();
    return await warehouse.positions(topic);
  };
  const expectSwapped = async (isSwapped: boolean) => {
    const lines = await fixture.sql('select load_seq from bronze.load_batches order by load_seq');
    expect(lines.map((line) => Number(line['load_seq']))).toEqual(isSwapped ? [3] : [1, 2]);
    expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await expectLedgerAndRowsToAgree(fixture);
  };

  it.each([
    ['the lock', /^update bronze\.load_lock/],
    ['the comparison', /^with both_sides/],
    ['rows replace those that are deleted already', /^insert into bronze\.raw_movies/],
    ['COMMIT', /^commit/],
  ])('before %s has changed nothing, and the next replay promotes the same rebuild', async (_, meant) => {
    await begin();
    await fill(fixture, batch(0, 8));
    inject('reset', meant);
    await expect(promote(fixture)).rejects.toMatchObject({ name: 'WarehouseUnavailableError', retriable: true });
    heal();
    await expectSwapped(false);
    expect(await filledPositions()).toEqual(new Map([[0, 8n]]));
    expect(await promote(fixture)).toMatchObject({ rows: 8, same: 8, retained: 0 });
    await expectSwapped(true);
  });

  it('for so long that a loader committed first changes nothing, and the next replay promotes everything', async () => {
    await begin(20_000);
    await fill(fixture, batch(0, 8));
    const meant = /^delete from bronze\.raw_movies/;
    proxy.judge = ({ sql }) => (meant.test(sql) && proxy.injections.length === 0 ? 'late request' : undefined);
    const swapped = expect(promote(fixture)).rejects.toMatchObject({ name: 'WarehouseUnavailableError' });
    await vi.waitUntil(() => proxy.injections.length > 0, { timeout: 20_000 });
    await load(fixture, batch(8, 9));
    await swapped;
    expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    await expectLedgerAndRowsToAgree(fixture);
    expect(await promote(fixture)).toMatchObject({ rows: 9, same: 9, retained: 1 });
    await expectLedgerAndRowsToAgree(fixture);
  });

  it('after a COMMIT whose reply is lost finds that it is done', async () => {
    await begin(patientMs);
    await fill(fixture, batch(0, 8));
    inject('hang', /^commit/);
    expect(await promote(fixture)).toMatchObject({ rows: 8, same: 8, retained: 0 });
    heal();
    await expectSwapped(true);
    expect(await tablesBeside(fixture)).toEqual([]);
  });

  it.each([
    ['any table is dropped', /^drop table/],
    ['the second table is dropped', /^drop table if exists bronze\.rebuild_raw_genres/],
  ])('after COMMIT and before %s is done, and the next replay starts from scratch', async (_, meant) => {
    await begin();
    await fill(fixture, batch(0, 8));
    inject('reset', meant);
    expect(await promote(fixture)).toMatchObject({ rows: 8, same: 8, retained: 0 });
    heal();
    expect(await tablesBeside(fixture)).not.toEqual([]);
    await expectSwapped(true);
    await load(fixture, batch(8, 9));
    expect(await filledPositions()).toEqual(new Map());
    await fill(fixture, batch(0, 9));
    expect(await promote(fixture)).toMatchObject({ rows: 9, same: 9, retained: 0 });
    expect(await tablesBeside(fixture)).toEqual([]);
  });

  it.each([
    ['forgotten', [batch(0, 8)], (rebuild: Rebuild) => rebuild.discard(), /^drop table.*load_positions/],
    ['made', [], (rebuild: Rebuild) => rebuild.migrate(), /^create table.*rebuild_load_positions/],
  ] as const)('while a rebuild is %s leaves nothing for the next replay to resume', async (_, filled, act, meant) => {
    await begin();
    if (filled.length > 0) await fill(fixture, ...filled);
    await using rebuild = await fixture.openRebuild();
    inject('reset', meant);
    await expect(act(rebuild)).rejects.toMatchObject({ name: 'WarehouseUnavailableError' });
    heal();
    expect(await filledPositions()).toEqual(new Map());
    await fill(fixture, batch(0, 8));
    expect(await promote(fixture)).toMatchObject({ rows: 8, same: 8 });
    await expectSwapped(true);
  });

  it('before its ranges are stored stores them in the next run', async () => {
    await begin();
    const ranges = [{ partition: partition(), from: 0n, end: 8n }];
    await using backfill = await fixture.openBackfill('test');
    inject('reset', /^insert into bronze\.replay_test/);
    await expect(backfill.begin(ranges)).rejects.toMatchObject({ name: 'WarehouseUnavailableError' });
    heal();
    expect(await tablesBeside(fixture)).toEqual(['replay_test']);
    expect(await backfill.begin(ranges)).toEqual(ranges);
  });

  it('continues after the rows when the reply to their COMMIT is lost', async () => {
    await begin(patientMs);
    await fixture.sql('delete from bronze.raw_movies where kafka_offset in (1, 5)');
    await using backfill = await fixture.openBackfill('test');
    await backfill.begin([{ partition: partition(), from: 0n, end: 8n }]);
    inject('hang', /^commit/);
    await expect(backfill.append([batch(0, 4)])).rejects.toMatchObject({ name: 'WarehouseUnavailableError' });
    heal();
    await expect(backfill.append([batch(0, 4)])).rejects.toMatchObject({ name: 'FencedError' });
    expect(await backfill.positions(topic)).toEqual(new Map([[0, 4n]]));
    await backfill.append([batch(4, 8)]);
    expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});
