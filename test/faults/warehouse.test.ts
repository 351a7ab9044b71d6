import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { type Batch, FencedError, type Warehouse } from '../../warehouse/warehouse.ts';
import { KafkaFixture } from '../support/kafka/kafka-fixture.ts';
import { Fleet, until } from '../support/processes/fleet.ts';
import { seededRandom } from '../support/warehouse/seeded-random.ts';
import { contentsOf, holdOpen, runSql } from '../support/warehouse/warehouse-contents.ts';
import { loading, UnreliableWarehouse } from '../support/warehouse/warehouse-loading.ts';
import { casesOf } from '../tiers.ts';

const seed = Number(process.env['FAULT_SEED'] ?? Date.now() % 100_000);

describe('under faults of the warehouse', () => {
  let fixture: KafkaFixture;
  let published = 0;

  /** Publishes records. Each test loads all of them into a file of its own. */
  const publish = async (count: number) => {
    await fixture.publish(count, { from: published });
    published += count;
  };

  beforeAll(async () => {
    fixture = await KafkaFixture.open();
    // A loader receives all records of a partition at once, so many partitions cause many flushes.
    await fixture.recreate(16);
    await publish(1_000);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());
  beforeEach(() => fixture.newFile());

  it('[R8] two loaders that are both assigned all partitions load everything once', { tags: ['full'] }, async () => {
    const both = ['one', 'two'].map((group) => fixture.start(loading({ group }), { LOAD_MAX_ROWS: '50' }).ended);
    await Promise.all(both);
    expect(await fixture.audit()).toMatchObject({ bronzeRows: published });
  });

  it('[R53 R54] a connection that loses calls and answers, and delivers some calls late, does not change the result', {
    tags: ['full'],
  }, async () => {
    const injected: UnreliableWarehouse['injected'][] = [];
    const random = seededRandom(seed);
    const wrap = (warehouse: Warehouse) => {
      const unreliable = new UnreliableWarehouse(warehouse, random);
      injected.push(unreliable.injected);
      return unreliable;
    };
    await fixture.start(loading({ group: 'unreliable', wrap }), { LOAD_MAX_ROWS: '25' }).ended;
    process.stdout.write(`${JSON.stringify(injected)} (seed ${seed})\n`);
    expect(injected).toHaveLength(1);
    expect(Object.values(injected[0] ?? {})).not.toContain(0);
    expect(await fixture.audit()).toMatchObject({ bronzeRows: published });
  });

  it('[R63] a batch that arrives a hundred times is loaded once', async () => {
    const partition = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic', partition: 0 };
    const rows = Array.from({ length: 100 }, (_, index) => ({
      ...{ kafkaOffset: BigInt(index), movieId: index, body: Buffer.from('{}'), sourceUrl: '', httpStatus: 200 },
      fetchedAt: new Date(0),
    }));
    const batch: Batch = { table: 'raw_movies', partition, firstOffset: 0n, nextOffset: 100n, rows };
    {
      await using warehouse = await openDuckDbWarehouse({
        path: fixture.duckdbPath,
        lockWaitMs: 0,
        clock: systemClock,
      });
      await warehouse.migrate();
      await warehouse.append([batch]);
      const again = await Promise.allSettled(Array.from({ length: 100 }, () => warehouse.append([batch])));
      const fenced = again.filter((one) => one.status === 'rejected' && one.reason instanceof FencedError);
      expect(fenced).toHaveLength(100);
    }
    expect(await contentsOf(fixture.duckdbPath)).toEqual({ rows: 100, offsets: 100, inLedger: 100, positions: 100 });
  });

  it('[R56 R106] a loader waits for a file that another process has open for longer than a call may wait, without a crash', {
    tags: ['full'],
  }, async () => {
    await fixture.loadOnce();
    await using fleet = new Fleet(fixture.settings({ DUCKDB_LOCK_WAIT: '300ms', LOAD_MAX_AGE: '100ms' }));
    const loader = fleet.start('loader', ['load']);
    const isReady = async () => (await loader.get('/readyz')).status === 200;
    const hasLoaded = async (rows: number) => (await loader.metric('tmdb_bronze_rows_total')) === rows;
    // Before its first batch, the loader may not have opened the file yet.
    await publish(10);
    await until('it loads', () => hasLoaded(10), { timeoutMs: 60_000 });
    await until('it is ready', isReady, { timeoutMs: 60_000 });
    const holder = await holdOpen(fixture.duckdbPath);
    await publish(10);
    await until('it says that the warehouse is out of reach', async () => !(await isReady()), { timeoutMs: 20_000 });
    const told = () => loader.lines.filter(({ msg }) => /is held by|warehouse unavailable/.test(msg ?? ''));
    await until('both warnings are logged', () => told().length === 2, { timeoutMs: 20_000 });
    await delay(2_000);
    expect((await loader.get('/readyz')).text).toContain(`is held by node (pid ${process.pid})`);
    expect(await loader.metric('tmdb_warehouse_held')).toBe(1);
    expect(told().map(({ level }) => level)).toEqual([40, 40]);
    expect(await loader.get('/healthz')).toMatchObject({ status: 200 });
    holder.closeSync();
    await until('it loads the rest', () => hasLoaded(20), { timeoutMs: 30_000 });
    expect(await isReady()).toBe(true);
    expect((await fleet.drain()).codes).toEqual({ loader: 0 });
    expect(await fixture.audit()).toMatchObject({ bronzeRows: published });
  });

  const keep = 'create table bronze.kept as from bronze.raw_movies';
  const renamed = (table: string) => [
    `alter table bronze.${table} rename to ${table}_old`,
    `BRONZE no longer has ${table}`,
    `alter table bronze.${table}_old rename to ${table}`,
  ];

  const spoils: string[][] = [
    [
      'a missing column',
      `${keep}; alter table bronze.raw_movies drop column source_url`,
      'bronze.raw_movies: column 3 is ingested_at timestamp, expected source_url varchar',
      'drop table bronze.raw_movies; alter table bronze.kept rename to raw_movies',
    ],
    [
      'a moved column',
      `${keep}; alter table bronze.raw_movies drop column movie_id; alter table bronze.raw_movies add column movie_id bigint`,
      'bronze.raw_movies: column 1 is raw_data json, expected movie_id bigint',
      'drop table bronze.raw_movies; alter table bronze.kept rename to raw_movies',
    ],
    [
      'an additional column',
      'alter table bronze.raw_movies add column note varchar',
      'is note varchar, expected none',
      'alter table bronze.raw_movies drop column note',
    ],
    ['no table for rows', ...renamed('raw_movies')],
    ['no positions', ...renamed('load_positions')],
    ['no batches', ...renamed('load_batches')],
  ];

  it.each(casesOf(spoils, [0]))(
    '[R60 R84] with %s a loader loads nothing, and everything once after that is fixed',
    async (_, spoil, message = '', fix = '') => {
      await fixture.loadOnce();
      await runSql(fixture.duckdbPath, spoil);
      await publish(10);
      for (const attempt of [1, 2]) await expect(fixture.loadOnce(), `attempt ${attempt}`).rejects.toThrow(message);
      await runSql(fixture.duckdbPath, fix);
      expect(await fixture.loadOnce()).toMatchObject({ rows: 10 });
      expect(await fixture.audit()).toMatchObject({ bronzeRows: published });
    },
  );

  it('[R64] a loader with little memory and large documents makes progress, or ends and makes progress after a restart', async () => {
    await fixture.recreate();
    await fixture.publish(40, { bytes: 2_000_000 });
    const codes: (number | null)[] = [];
    for (let before = -1, rows = 0; codes.at(-1) !== 0; before = rows) {
      expect(rows, 'it gets on').toBeGreaterThan(before);
      const { code } = await fixture.cli(['load', '--once'], { NODE_OPTIONS: '--max-old-space-size=64' });
      codes.push(code);
      ({ rows } = await contentsOf(fixture.duckdbPath));
    }
    process.stdout.write(`80 MB with a heap of 64 MB: exit codes ${codes.join(', ')}\n`);
    expect(await fixture.audit()).toMatchObject({ bronzeRows: 40 });
  });
});
