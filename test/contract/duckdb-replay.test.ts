import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { openDuckDbExtension } from '../../lib/warehouse/duckdb/extension.ts';
import { openDuckDbFile } from '../../lib/warehouse/duckdb/file.ts';
import { openDuckDbRebuild } from '../../lib/warehouse/duckdb/rebuild.ts';
import { openDuckDbWarehouse } from '../../lib/warehouse/duckdb/warehouse.ts';
import { batch, fill, load, type ReplayGround, replayContract, swapIn } from '../support/warehouse/replay-contract.ts';

async function openGround(): Promise<ReplayGround> {
  const folder = mkdtempSync(join(tmpdir(), 'duckdb-replay-'));
  const options = { path: join(folder, 'warehouse.duckdb'), lockWaitMs: 10_000, clock: systemClock };
  return {
    openLoader: () => openDuckDbWarehouse(options),
    openRebuild: () => openDuckDbRebuild(options),
    openExtension: (name) => openDuckDbExtension(options, name),
    sql: async (text) => {
      await using file = await openDuckDbFile(options);
      return (await file.connection.runAndReadAll(text)).getRowObjectsJson();
    },
    document: (text) => `'${text}'`,
    textOf: (document) => `${document}::varchar`,
    close: async () => rmSync(folder, { recursive: true }),
  };
}

replayContract('A DuckDB file', openGround);

it('A DuckDB file from before topic ids were kept is taken over by a rebuild', async () => {
  const ground = await openGround();
  try {
    await load(ground, batch(0, 4));
    await ground.sql(`update bronze.load_positions set topic_id = ''; update bronze.load_batches set topic_id = ''`);
    await load(ground, batch(4, 6));
    await fill(ground, batch(0, 5));
    expect(await swapIn(ground)).toMatchObject({ rows: 6, same: 6, carried: 1 });
    expect(await ground.sql('select distinct topic_id from bronze.load_batches')).toEqual([{ topic_id: 'topic' }]);
  } finally {
    await ground.close();
  }
});
