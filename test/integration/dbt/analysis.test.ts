import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type MovieRecord, root, WarehouseFile } from '../../support/dbt/warehouse-file.ts';
import { questions, tableOf } from '../../support/docs/analysis-page.ts';

const snapshots = join(root, '..', 'shared', 'tmdb', 'snapshots');

/** Seconds from the start of 2026 to the day of the recording. */
const recordedAt = (Date.UTC(2025, 11, 15) - Date.UTC(2026, 0, 1)) / 1_000;

const recorded = (name: string): MovieRecord[] =>
  gunzipSync(readFileSync(join(snapshots, `${name}.ndjson.gz`)))
    .toString()
    .trim()
    .split('\n')
    .map((body) => ({ movieId: JSON.parse(body).id, body, fetchedAt: recordedAt }));

describe.skipIf(!existsSync(snapshots))(`recorded movies (${snapshots})`, { tags: ['full'] }, () => {
  it('give the results that docs/analysis.md shows', async () => {
    await using file = await WarehouseFile.create();
    await file.load(1, [...recorded('2025-12-15a'), ...recorded('2025-12-15b')]);
    await file.dbt();
    for (const { title, sql, result } of questions()) {
      const rows = await file.query(sql);
      expect(rows.length, title).toBeGreaterThan(0);
      expect.soft(tableOf(Object.keys(rows[0] ?? {}), rows), title).toBe(result);
    }
  });
});
