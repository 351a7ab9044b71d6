import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { openDuckDbFile } from '../../warehouse/duckdb/file.ts';
import { openDuckDbPurge } from '../../warehouse/duckdb/purge.ts';
import { openDuckDbRebuild } from '../../warehouse/duckdb/rebuild.ts';
import { refuseOtherContents, tableContents } from '../../warehouse/duckdb/table-contents.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { expiredDocument } from '../../warehouse/expiry.ts';
import type { Batch, Warehouse } from '../../warehouse/warehouse.ts';
import { batch as batchOf, day, purgeContract } from '../support/warehouse/purge-contract.ts';

/** A text that DuckDB cannot compress, so that a search of the file's bytes finds it. */
const markerOf = (offset: bigint) =>
  `marker-of-${offset}-${Buffer.from(`${offset * 7_919n}`.repeat(9)).toString('base64')}`;

const batch = (first: bigint, days: readonly number[]): Batch =>
  batchOf(first, days, (offset) => JSON.stringify({ id: Number(offset) + 1, title: markerOf(offset) }));

purgeContract('DuckDB', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'purge-'));
  const options = { path: join(folder, 'warehouse.duckdb'), lockWaitMs: 5_000, clock: systemClock };
  await using warehouse = await openDuckDbWarehouse(options);
  await warehouse.migrate();
  return {
    purge: await openDuckDbPurge(options),
    load: async (batches, to = 'bronze') => {
      await using target = await (to === 'bronze' ? openDuckDbWarehouse : openDuckDbRebuild)(options);
      await target.migrate();
      for (const one of batches) await target.append([one]);
    },
    openRebuild: (retentionMs) => openDuckDbRebuild({ ...options, retentionMs }),
    query: async (sql) => {
      await using file = await openDuckDbFile(options);
      return (await file.connection.runAndReadAll(sql)).getRowObjectsJson();
    },
    documentSql: 'raw_data::varchar',
    close: async () => rmSync(folder, { recursive: true }),
  };
});

describe('a purge of a DuckDB file', () => {
  let folder: string;
  let path: string;
  const options = () => ({ path, lockWaitMs: 5_000, clock: systemClock });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'purge-'));
    path = join(folder, 'warehouse.duckdb');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const using = async (open: () => Promise<Warehouse>, batches: readonly Batch[]) => {
    await using warehouse = await open();
    await warehouse.migrate();
    for (const one of batches) await warehouse.append([one]);
  };
  const load = (...batches: readonly Batch[]) => using(() => openDuckDbWarehouse(options()), batches);
  const query = async (sql: string) => {
    await using file = await openDuckDbFile(options());
    return (await file.connection.runAndReadAll(sql)).getRowObjectsJson();
  };
  const purge = async (before: Date) => {
    const opened = await openDuckDbPurge(options());
    while ((await opened.blankNext(before)) > 0);
    return opened;
  };
  const blankOffsets = async () =>
    (
      await query(
        `select kafka_offset from bronze.raw_movies where raw_data::varchar = '${expiredDocument}' order by all`,
      )
    ).map(({ kafka_offset }) => Number(kafka_offset));
  /** Offsets whose marker is somewhere in a file of the folder. */
  const offsetsInFiles = (offsets: readonly bigint[]) => {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const contents = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
    return offsets.filter((offset) => contents.some((bytes) => bytes.includes(`marker-of-${offset}-`)));
  };

  it('records the bytes of the documents that a batch has now', async () => {
    await load(batch(0n, [1, 9, 2]), batch(3n, [8, 9]), batch(5n, [3]));
    await purge(day(5));
    expect(await blankOffsets()).toEqual([0, 2, 5]);
    expect(
      await query(`select lines.load_seq from bronze.load_batches as lines
        left join (select load_seq, batch_id, sum(strlen(raw_data::varchar)) as bytes from bronze.raw_movies group by all) as rows
          on rows.load_seq = lines.load_seq and rows.batch_id = lines.batch_id
        where rows.bytes is distinct from lines.payload_bytes`),
    ).toEqual([]);
  });

  it('[P25] leaves no old value in any file, and none comes back with an old file', async () => {
    const old = Array.from({ length: 400 }, (_, index) => BigInt(index));
    await load(
      batch(
        0n,
        old.map(() => 1),
      ),
      batch(400n, [9]),
    );
    const backup = join(folder, '..', `${process.pid}-backup.duckdb`);
    copyFileSync(path, backup);
    expect(offsetsInFiles(old).length).toBeGreaterThan(100);
    const opened = await purge(day(5));
    expect(await opened.isUnfinished()).toBe(true);
    await opened.finish(new Date());
    expect(await opened.isUnfinished()).toBe(false);
    expect(offsetsInFiles(old)).toEqual([]);
    expect(offsetsInFiles([400n])).toEqual([400n]);

    copyFileSync(backup, path);
    rmSync(backup);
    await (await purge(day(5))).finish(new Date());
    expect(offsetsInFiles(old)).toEqual([]);
    expect(existsSync(`${path}.rewrite`)).toBe(false);
  });

  it('[R150] continues after a transaction that failed and after a rewrite that was killed', async () => {
    await load(batch(0n, [1]), batch(1n, [2]));
    const opened = await openDuckDbPurge({
      ...options(),
      clock: {
        ...systemClock,
        monotonic: () => systemClock.monotonic(),
        sleep: (ms, signal) => systemClock.sleep(ms, signal),
        now: () => {
          throw new Error('killed');
        },
      },
    });
    await expect(opened.blankNext(day(5))).rejects.toThrow('killed');
    expect(await blankOffsets()).toEqual([]);
    const next = await purge(day(5));
    expect(await blankOffsets()).toEqual([0, 1]);
    // What a killed rewrite leaves behind.
    copyFileSync(path, `${path}.old`);
    mkdirSync(`${path}.rewrite`);
    renameSync(`${path}.old`, join(`${path}.rewrite`, 'new.duckdb'));
    await next.finish(new Date());
    expect(existsSync(`${path}.rewrite`)).toBe(false);
    expect(await query('select count(*) as rows from bronze.raw_movies')).toEqual([{ rows: '2' }]);
  });

  it('[R150] a transaction replaces few bytes of documents, but at least one batch', async () => {
    await load(...[0n, 1n, 2n].map((first) => batch(first, [1])));
    await using(() => openDuckDbRebuild(options()), [batch(0n, [1]), batch(1n, [1])]);
    for (const prefix of ['', 'rebuild_']) await query(`update bronze.${prefix}load_batches set payload_bytes = 40e6`);
    await query('update bronze.load_batches set payload_bytes = 90e6 where load_seq = 1');
    await query('update bronze.load_batches set payload_bytes = 20e6 where load_seq = 2');
    const opened = await openDuckDbPurge(options());
    const blanked: number[] = [];
    for (let rows = 1; rows > 0; ) {
      rows = await opened.blankNext(day(5));
      blanked.push(rows);
    }
    expect(blanked).toEqual([1, 2, 1, 1, 0]);
  });

  it('a rewrite keeps views, whatever their order, and drops one that reads a table that is gone', async () => {
    await load(batch(0n, [1]));
    await query(`create schema "a ""b"; create view bronze.later as select 1 as one;
      create view bronze.earlier as select * from bronze.later; create table bronze.gone (one integer);
      create view "a ""b".stale as select * from bronze.gone; comment on view "a ""b".stale is 'a comment';
      comment on view bronze.earlier is 'kept'; drop table bronze.gone`);
    expect(await (await purge(day(5))).finish(new Date())).toEqual(['"a ""b"."stale"']);
    expect(await query('select * from bronze.earlier')).toEqual([{ one: 1 }]);
    const views = 'select view_name, comment from duckdb_views() where not internal order by all';
    expect(await query(views)).toEqual([
      { view_name: 'earlier', comment: 'kept' },
      { view_name: 'later', comment: null },
    ]);
    expect(await (await purge(day(5))).finish(new Date())).toEqual([]);
  });

  it('a rewrite refuses a file with other tables, rows or values', async () => {
    await load(batch(0n, [1, 2]));
    const contents = async () => {
      await using file = await openDuckDbFile(options());
      return await tableContents(file.connection);
    };
    const old = await contents();
    expect(() => refuseOtherContents(old, old)).not.toThrow();
    await query('create table other (one integer)');
    const withTable = await contents();
    expect(() => refuseOtherContents(old, withTable)).toThrow('in "main"."other"');
    await query('insert into other values (1)');
    const withRow = await contents();
    expect(() => refuseOtherContents(withTable, withRow)).toThrow('in "main"."other"');
    await query('update bronze.raw_movies set http_status = 404 where kafka_offset = 1');
    expect(() => refuseOtherContents(withRow, {})).toThrow('"bronze"."raw_movies"');
    const changed = await contents();
    expect(() => refuseOtherContents(withRow, changed)).toThrow(/in "bronze"."raw_movies"$/);
  });

  it.runIf(process.getuid?.() === 0)('a rewrite by root keeps the owner of the file', async () => {
    await load(batch(0n, [1]));
    chownSync(path, 4_321, 8_765);
    await (await purge(day(5))).finish(new Date());
    expect([statSync(path).uid, statSync(path).gid]).toEqual([4_321, 8_765]);
  });

  it('[R151] a loader, and a rebuild, store no document that is already expired', async () => {
    const retention = { retentionMs: Date.now() - day(5).getTime() };
    await using(() => openDuckDbWarehouse({ ...options(), ...retention }), [batch(0n, [1, 9])]);
    expect(await blankOffsets()).toEqual([0]);
    expect(await query('select count(*) as unfinished from bronze.purges where finished_at is null')).toEqual([
      { unfinished: '0' },
    ]);
    await using rebuild = await openDuckDbRebuild({ ...options(), ...retention });
    await rebuild.migrate();
    await rebuild.append([batch(0n, [1, 9])]);
    expect(await rebuild.promote()).toMatchObject({ rows: 2, same: 2, corrected: 0 });
    await rebuild[Symbol.asyncDispose]();
    expect(await blankOffsets()).toEqual([0]);
    expect(offsetsInFiles([0n])).toEqual([]);
  });

  it('[R151] reaches the tables of a rebuild that was never finished', async () => {
    await load(batch(0n, [1, 9]));
    await using(() => openDuckDbRebuild(options()), [batch(0n, [1, 9])]);
    const opened = await purge(day(5));
    expect(await opened.expired(day(5))).toMatchObject({ rows: 0 });
    await opened.finish(new Date());
    expect(offsetsInFiles([0n])).toEqual([]);
  });
});
