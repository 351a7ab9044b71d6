import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { newTraceparent } from '../../schemas/movie-request.ts';
import { openDuckDbFile } from '../../warehouse/duckdb/file.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { openSnowflakeRebuild } from '../../warehouse/snowflake/rebuild.ts';
import { openSnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../warehouse/snowflake/warehouse.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { makeDatabase } from '../support/snowflake/fixture.ts';
import { batch } from '../support/warehouse/replay-contract.ts';
import { casesOf } from '../tiers.ts';

/** Possible changes of BRONZE's tables; each is refused before anything is written. */
const changes = [
  ['an additional column', 'alter table bronze.raw_movies add column note varchar', 'is note'],
  [
    'a missing column',
    'alter table bronze.raw_genres drop column source_url',
    'bronze.raw_genres: column 8 is fetched_at',
  ],
  [
    'a renamed column',
    'alter table bronze.load_batches rename column row_count to row_counts',
    'bronze.load_batches: column',
  ],
] as const;

const refusal = (message: string) => ({
  ...{ name: 'PreconditionError', exitCode: 2, retriable: false },
  message: expect.stringContaining(message),
});

/** Drops the columns that an older version did not have, from this one on. @param prefix of the table's name. */
const olderFrom = (first: number, prefix = '') =>
  ['requested_at', 'reason', 'traceparent']
    .slice(first)
    .map((column) => `alter table bronze.${prefix}raw_movies drop column ${column}`);

const requested = (offset: number) => {
  const one = batch(offset, offset + 1);
  const request = { requestedAt: new Date(0), reason: 'aged', traceparent: newTraceparent() };
  return { ...one, rows: one.rows.map((row) => ({ ...row, request })) };
};
const reasons = 'select kafka_offset, reason from bronze.raw_movies order by kafka_offset';

describe('a DuckDB file', () => {
  it.each(changes)('[R84] with %s is refused', async (_, sql, message) => {
    const folder = mkdtempSync(join(tmpdir(), 'bronze-columns-'));
    const options = { path: join(folder, 'warehouse.duckdb'), lockWaitMs: 10_000, clock: systemClock };
    const migrate = async () => {
      await using warehouse = await openDuckDbWarehouse(options);
      await warehouse.migrate();
    };
    await migrate();
    await migrate();
    {
      await using file = await openDuckDbFile(options);
      await file.connection.run(sql);
    }
    await expect(migrate()).rejects.toMatchObject(refusal(message));
    rmSync(folder, { recursive: true });
  });

  it.each([0, 1])('[R182] of an older version gets the columns of requests, %i of which it has', async (first) => {
    const folder = mkdtempSync(join(tmpdir(), 'bronze-columns-'));
    const options = { path: join(folder, 'warehouse.duckdb'), lockWaitMs: 10_000, clock: systemClock };
    const load = async (offset: number) => {
      await using warehouse = await openDuckDbWarehouse(options);
      await warehouse.migrate();
      await warehouse.append([requested(offset)]);
    };
    await load(0);
    {
      await using file = await openDuckDbFile(options);
      for (const sql of olderFrom(first)) await file.connection.run(sql);
    }
    await load(1);
    await using file = await openDuckDbFile(options);
    const rows = (await file.connection.runAndReadAll(reasons)).getRowObjectsJson();
    expect(rows.map(({ reason }) => reason)).toEqual([null, 'aged']);
  });
});

describe('a database of Snowflake', () => {
  let emulator: SnowflakeEmulator;
  beforeAll(async () => {
    emulator = await SnowflakeEmulator.start();
  });
  afterAll(() => emulator?.[Symbol.asyncDispose]());

  it.each(casesOf(changes))('[R84] with %s is refused', async (what, sql, message) => {
    const settings = emulator.settings({ database: `COLUMNS_${what.replaceAll(' ', '_').toUpperCase()}` });
    await makeDatabase(settings);
    const options = { settings, clock: systemClock, stage: 'test' };
    const migrate = async () => {
      await using warehouse = await openSnowflakeWarehouse(options);
      await warehouse.migrate();
    };
    await migrate();
    await migrate();
    await using session = await openSnowflakeSession(options);
    await session.execute({ sql });
    await expect(migrate()).rejects.toMatchObject(refusal(message));
  });

  it.each([0, 1])('[R182] of an older version gets the columns of requests, %i of which it has', async (first) => {
    const settings = emulator.settings({ database: `OLDER_${first}` });
    await makeDatabase(settings);
    const options = { settings, clock: systemClock, stage: 'test' };
    const load = async (offset: number) => {
      await using warehouse = await openSnowflakeWarehouse(options);
      await warehouse.migrate();
      await warehouse.append([requested(offset)]);
    };
    await load(0);
    await using session = await openSnowflakeSession(options);
    // A rebuild that is left unfinished has tables of the older version too.
    {
      await using rebuild = await openSnowflakeRebuild(options);
      await rebuild.migrate();
    }
    for (const sql of [...olderFrom(first), ...olderFrom(first, 'rebuild_')]) await session.execute({ sql });
    await load(1);
    const { rows } = await session.execute({ sql: reasons });
    expect(rows.map(({ reason }) => reason)).toEqual([null, 'aged']);
    await using rebuild = await openSnowflakeRebuild(options);
    await rebuild.migrate();
    await rebuild.append([requested(0)]);
    expect(await rebuild.promote()).toMatchObject({ rows: 2, corrected: 1, retained: 1 });
  });
});
