import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../../runtime/clock.ts';
import type { Dbt } from '../../../transform/dbt/dbt.ts';
import { openColdDbt, openWarmDbt } from '../../../transform/dbt/open-dbt.ts';
import { openDuckDbPurge } from '../../../warehouse/duckdb/purge.ts';
import { expiredDocument } from '../../../warehouse/expiry.ts';
import { allParts } from '../../support/dbt/appended-documents.ts';
import { gone, type MovieRecord, WarehouseFile } from '../../support/dbt/warehouse-file.ts';
import { hasRecordings, recordings } from '../../support/tmdb/recordings.ts';

const select = ['silver_document_shapes', 'silver_drift'];

let file: WarehouseFile;
let dbt: Dbt;
beforeAll(async () => {
  file = await WarehouseFile.create();
  dbt = openWarmDbt(file.place());
});
afterAll(async () => {
  await dbt[Symbol.asyncDispose]();
  await file[Symbol.asyncDispose]();
});

const member = { id: 1, name: 'a' };
/** A document with every key that TMDb sends today. */
const document = (id: number, changes: Record<string, unknown> = {}) => ({
  ...{ id, adult: false, video: false, budget: 0, revenue: 12, runtime: 90, vote_count: 7, vote_average: 6.5 },
  ...{ backdrop_path: null, poster_path: '/p.jpg', homepage: '', imdb_id: 'tt1', overview: '', tagline: '' },
  ...{ title: 'a', original_title: 'a', original_language: 'en', status: 'Released', release_date: '2020-02-02' },
  ...{ popularity: 1.5, origin_country: ['US'], genres: [member], belongs_to_collection: null },
  production_companies: [{ ...member, logo_path: null, origin_country: 'US' }],
  production_countries: [{ iso_3166_1: 'US', name: 'United States of America' }],
  spoken_languages: [{ iso_639_1: 'en', english_name: 'English', name: 'English' }],
  ...changes,
});

const record = (movieId: number, body: unknown, fetchedAt = movieId): MovieRecord => ({ movieId, body, fetchedAt });

/** As many documents of a run are looked at. */
const mostDocuments = 10;
/** The documents of these tests are from January 2026, and never too old. */
const vars = { drift_memory_days: 36_500, drift_documents_per_run: mostDocuments };

async function drift(on: Dbt = dbt, more: Readonly<Record<string, unknown>> = {}): Promise<unknown[]> {
  expect(await file.run(on, { command: 'run', select, vars: { ...vars, ...more } })).toMatchObject({
    status: 'success',
    failures: [],
  });
  const rows = await file.query(
    `select kind || ' ' || path || ' ' || json_type || ' ' || text_value as drift, occurrences as n, example_movie_id as id
     from silver.silver_drift order by all`,
  );
  return rows.map((row) => [String(row['drift']).trim(), Number(row['n']), Number(row['id'])]);
}

it('[P31] a difference between a new document and the pinned shape is a row with an example after one run', {
  timeout: 200_000,
}, async () => {
  const { tagline: _, ...withoutTagline } = document(12);
  await file.load(1, [
    ...[1, 2, 3].map((id) => record(id, document(id))),
    record(
      4,
      document(4, { softcore: true, belongs_to_collection: { ...member, poster_path: null, backdrop_path: '/b' } }),
    ),
    record(5, document(5, { title: 'half \ud83d', status: 'Canceled' })),
    gone(6, 6),
    record(7, document(7, allParts)),
  ]);
  expect(await drift()).toEqual([]);
  await file.load(2, [
    record(10, document(10, { revenue_currency: 'USD', status: 'Delayed' })),
    record(11, document(11, { popularity: '12', status: 'Delayed' })),
    record(12, withoutTagline),
    record(13, document(13, { title: null })),
    record(14, document(14, { genres: [{ ...member, icon: '🎬' }, 7] })),
    record(15, document(15, { belongs_to_collection: [member] })),
    record(16, '[1]'),
    record(17, '{"title": nonsense}'),
    record(18, document(18)),
    record(19, expiredDocument),
  ]);
  const expected = [
    ['new key genres[].icon string', 1, 14],
    ['new key revenue_currency string', 1, 10],
    ['new value status string Delayed', 2, 10],
    ['newly null title null', 1, 13],
    ['other type $ array', 1, 16],
    ['other type belongs_to_collection array', 1, 15],
    ['other type genres[] number', 1, 14],
    ['other type popularity string', 1, 11],
    ['unreadable document $ unreadable', 1, 17],
    ['vanished key tagline missing', 1, 12],
  ];
  expect(await drift()).toEqual(expected);
  // A build with nothing new counts nothing twice; a new document counts once more, with its movie as the example.
  expect(await drift()).toEqual(expected);
  await file.load(3, [record(20, document(20, { revenue_currency: 'EUR' }))]);
  // Of a purge, which gives its batches new numbers: they do not take the place of the new document.
  const expired = Array.from({ length: mostDocuments }, (_, index) => record(100 + index, expiredDocument));
  await file.load(4, expired);
  const counted = expected.map((row) => (row[0] === 'new key revenue_currency string' ? [row[0], 2, 20] : row));
  expect(await drift()).toEqual(counted);
  // A purge of a part of the second batch: dbt reads the batch again.
  const purge = await openDuckDbPurge({ path: file.path, lockWaitMs: 10_000, clock: systemClock });
  expect(await purge.blankNext(new Date(Date.UTC(2026, 0, 1) + 11_000))).toBeGreaterThan(0);
  expect(await drift()).toEqual(counted);
  const [seen] = await file.query(
    `select epoch(first_seen_at) - epoch(timestamp '2026-01-01') as first,
       epoch(last_seen_at) - epoch(timestamp '2026-01-01') as last
     from silver.silver_drift where path = 'revenue_currency'`,
  );
  expect(seen).toEqual({ first: 10, last: 20 });
  await file.query(
    "update silver.silver_document_shapes set last_seen_at = timestamp '1900-01-01' where path = 'title'",
  );
  expect(await drift()).toEqual(counted.filter(([found]) => found !== 'newly null title null'));
});

it.skipIf(!hasRecordings)(
  '[P31] recordings have no drift, and a key that is not pinned is found in each that has it',
  { tags: ['full'], timeout: 400_000 },
  async () => {
    const driftOfAll = (on?: Dbt) => drift(on, { drift_documents_per_run: 10_000 });
    const documents = (name: string) =>
      gunzipSync(readFileSync(join(recordings, 'snapshots', `${name}.ndjson.gz`)))
        .toString()
        .trim()
        .split('\n')
        .map((body) => record(JSON.parse(body).id, body, 0));
    const quirks = readFileSync(join(recordings, 'quirks.ndjson'), 'utf8').trim().split('\n');
    for (const table of ['bronze.raw_movies', 'bronze.load_batches', 'silver.silver_document_shapes'])
      await file.query(`delete from ${table}`);
    const newer = documents('2025-12-15a');
    await file.load(11, newer.slice(0, 500));
    expect(await driftOfAll()).toEqual([]);
    await file.load(12, [...newer.slice(500), ...documents('2025-12-15b')]);
    expect(await driftOfAll()).toEqual([]);
    await file.load(13, [...documents('2019-12'), ...quirks.map((body) => record(JSON.parse(body).id, body, 0))]);
    expect(await driftOfAll()).toEqual([]);

    // The same recordings against a project without one of their keys.
    await using project = await file.copyOfProject();
    const macros = join(project.dir, 'macros', 'document_shape.sql');
    writeFileSync(macros, readFileSync(macros, 'utf8').replace(/ *"origin_country(\[\])?".*\n/g, ''));
    await using changed = openColdDbt({ ...file.place(), projectDir: project.dir });
    expect(await driftOfAll(changed)).toEqual([['new key origin_country array', 2_012, expect.any(Number)]]);
  },
);
