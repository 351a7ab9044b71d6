import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../runtime/clock.ts';
import { openDuckDbReader } from '../../warehouse/duckdb/reader.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { readerContract } from '../support/warehouse/reader-contract.ts';

readerContract('DuckDB', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'duckdb-reader-'));
  const options = { path: join(folder, 'warehouse.duckdb'), lockWaitMs: 10_000, clock: systemClock };
  const warehouse = await openDuckDbWarehouse(options);
  return {
    warehouse,
    openReader: async () => {
      await warehouse[Symbol.asyncDispose]();
      return openDuckDbReader(options);
    },
    close: async () => rmSync(folder, { recursive: true }),
  };
});
