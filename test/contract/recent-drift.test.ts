import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { countRecentDrift } from '../../transform/drift.ts';
import type { Query } from '../../transform/state.ts';
import { openDuckDbReader } from '../../warehouse/duckdb/reader.ts';
import { openDuckDbRunLog } from '../../warehouse/duckdb/run-log.ts';
import { openSnowflakeReader } from '../../warehouse/snowflake/reader.ts';
import { openSnowflakeRunLog } from '../../warehouse/snowflake/run-log.ts';
import type { RunLogTables } from '../../warehouse/system.ts';
import type { WarehouseReader } from '../../warehouse/warehouse.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';

async function expectCounts(
  writer: () => RunLogTables | Promise<RunLogTables>,
  open: () => WarehouseReader | Promise<WarehouseReader>,
) {
  const write = async (sql: string) => {
    await using tables = await writer();
    await tables.write([sql]);
  };
  const counts: number[] = [];
  /** As many rows as the warehouse sends for a query. */
  let most = 0;
  const count = async () => {
    await using reader = await open();
    const query: Query = async (sql) => {
      const rows = await reader.query(sql);
      most = Math.max(most, rows.length);
      return rows;
    };
    counts.push(await countRecentDrift(query));
  };
  await write('create schema if not exists silver');
  await count();
  await write(`create table silver.silver_drift as select 'a' as path, true as is_recent union all select 'b', false
    union all select 'c', true union all select 'd', true`);
  await count();
  await write('delete from silver.silver_drift');
  await count();
  expect({ counts, most }).toEqual({ counts: [0, 3, 0], most: 1 });
}

it('DuckDB counts recent differences of documents itself', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'drift-'));
  try {
    const options = { path: join(dir, 'warehouse.duckdb'), lockWaitMs: 5_000, clock: systemClock };
    await expectCounts(
      () => openDuckDbRunLog(options),
      () => openDuckDbReader(options),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

it('Snowflake counts recent differences of documents itself', async () => {
  await using emulator = await SnowflakeEmulator.start();
  const options = { settings: emulator.settings(), clock: systemClock, stage: 'transform' };
  await expectCounts(
    () => openSnowflakeRunLog(options),
    () => openSnowflakeReader(options),
  );
});
