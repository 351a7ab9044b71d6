import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { openDuckDbFile } from '../../warehouse/duckdb/file.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { openSnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../warehouse/snowflake/warehouse.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { makeDatabase } from '../support/snowflake/fixture.ts';
import { casesOf } from '../tiers.ts';

/** Possible changes of BRONZE's tables; each is refused before anything is written. */
const changes = [
  [
    'an additional column',
    'alter table bronze.raw_movies add column note varchar',
    'bronze.raw_movies: column 11 is note',
  ],
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
});
