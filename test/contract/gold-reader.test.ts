import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDuckDbGold } from '../../warehouse/duckdb/gold-reader.ts';
import { publishSmallGold } from '../support/dashboard/small-gold.ts';
import { goldReaderContract } from '../support/warehouse/gold-reader-contract.ts';

goldReaderContract('the published copy of DuckDB', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-gold-'));
  const path = join(folder, 'gold.duckdb');
  const reader = openDuckDbGold(path);
  return {
    reader,
    publish: (count) => publishSmallGold(path, count),
    close: async () => {
      await reader[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
});
