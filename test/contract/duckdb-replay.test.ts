import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { adoptInDuckDb } from '../../warehouse/duckdb/adopt.ts';
import { openDuckDbBackfill } from '../../warehouse/duckdb/backfill.ts';
import { openDuckDbFile } from '../../warehouse/duckdb/file.ts';
import { openSharedReader } from '../../warehouse/duckdb/reader.ts';
import { openDuckDbRebuild } from '../../warehouse/duckdb/rebuild.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { adoptionContract } from '../support/warehouse/adoption-contract.ts';
import {
  batch,
  fill,
  load,
  promote,
  type ReplayFixture,
  replayContract,
} from '../support/warehouse/replay-contract.ts';

async function openFixture(): Promise<ReplayFixture> {
  const folder = mkdtempSync(join(tmpdir(), 'duckdb-replay-'));
  const options = { path: join(folder, 'warehouse.duckdb'), lockWaitMs: 10_000, clock: systemClock };
  return {
    openLoader: () => openDuckDbWarehouse(options),
    openRebuild: () => openDuckDbRebuild(options),
    openBackfill: (name) => openDuckDbBackfill(options, name),
    adopt: (adoptions) => adoptInDuckDb(options, adoptions),
    sql: async (text) => {
      await using file = await openDuckDbFile(options);
      return (await file.connection.runAndReadAll(text)).getRowObjectsJson();
    },
    document: (text) => `'${text}'`,
    textOf: (document) => `${document}::varchar`,
    close: async () => rmSync(folder, { recursive: true }),
  };
}

replayContract('A DuckDB file', openFixture);
adoptionContract('A DuckDB file', openFixture);

it('A rebuild takes over a DuckDB file of an older version, without topic ids', async () => {
  const fixture = await openFixture();
  try {
    await load(fixture, batch(0, 4));
    await fixture.sql(`update bronze.load_positions set topic_id = ''; update bronze.load_batches set topic_id = ''`);
    await load(fixture, batch(4, 6));
    await fill(fixture, batch(0, 5));
    expect(await promote(fixture)).toMatchObject({ rows: 6, same: 6, retained: 1 });
    expect(await fixture.sql('select distinct topic_id from bronze.load_batches')).toEqual([{ topic_id: 'topic' }]);
  } finally {
    await fixture.close();
  }
});

it('A shared reader of a DuckDB file lets a loader write between its queries', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shared-reader-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const options = { path: join(folder, 'warehouse.duckdb'), lockWaitMs: 2_000, clock: systemClock };
  await using loader = await openDuckDbWarehouse(options);
  await loader.migrate();
  await using reader = await openSharedReader(options);
  const count = async () => (await reader.query('select count(*) as loaded from bronze.raw_movies'))[0]?.['loaded'];
  expect(await count()).toBe(0);
  await loader.append([batch(0, 4)]);
  expect(await count()).toBe(4);
});
