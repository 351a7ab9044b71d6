import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { crashEnvironment, crashPointFlags, firedIn } from '../support/processes/crash-points.ts';
import { casesOf } from '../tiers.ts';

const purger = join(import.meta.dirname, '../support/warehouse/purger.ts');
const before = Date.UTC(2026, 0, 6);
const partition = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic', partition: 0 };
/** A purge of this file has two transactions, one for each table. */
const points = casesOf(
  [
    { point: 'purge.blanked', hit: 1 },
    { point: 'purge.renumbered', hit: 1 },
    { point: 'purge.before-commit', hit: 1 },
    { point: 'purge.committed', hit: 1 },
    { point: 'purge.blanked', hit: 2 },
    { point: 'purge.rewrite-begun', hit: 1 },
    { point: 'purge.exported', hit: 1 },
    { point: 'purge.imported', hit: 1 },
    { point: 'purge.rewritten', hit: 1 },
    { point: 'purge.replaced', hit: 1 },
  ],
  [3, 9],
);

/** Two batches of movies, and one of genres: the first of movies and that of genres are expired. */
async function load(path: string): Promise<void> {
  await using warehouse = await openDuckDbWarehouse({ path, lockWaitMs: 5_000, clock: systemClock });
  await warehouse.migrate();
  for (const [index, fetchedAt] of [new Date(Date.UTC(2026, 0, 1)), new Date(Date.UTC(2026, 0, 9))].entries()) {
    const rows = Array.from({ length: 50 }, (_, place) => ({
      kafkaOffset: BigInt(index * 50 + place),
      movieId: place + 1,
      body: Buffer.from(JSON.stringify({ id: place + 1, title: `marker ${index} of ${Math.random()}` })),
      sourceUrl: 'https://api.themoviedb.org/3/movie/1',
      httpStatus: 200,
      fetchedAt,
    }));
    const [firstOffset, nextOffset] = [BigInt(index * 50), BigInt(index * 50 + 50)];
    await warehouse.append([{ table: 'raw_movies', partition, firstOffset, nextOffset, rows }]);
  }
  const genres = { ...partition, topic: 'tmdb.raw-genres' };
  const body = Buffer.from(JSON.stringify({ genres: [{ id: 1, name: `marker 0 of ${Math.random()}` }] }));
  const [fetchedAt, sourceUrl] = [new Date(Date.UTC(2026, 0, 1)), 'https://api.themoviedb.org/3/genre/movie/list'];
  const rows = [{ kafkaOffset: 0n, language: 'en', body, sourceUrl, fetchedAt }];
  await warehouse.append([{ table: 'raw_genres', partition: genres, firstOffset: 0n, nextOffset: 1n, rows }]);
}

async function purge(path: string, env: Record<string, string> = {}): Promise<NodeJS.Signals | null> {
  const run = promisify(execFile)(process.execPath, [...crashPointFlags(env), purger, path, String(before)], {
    env: { ...process.env, ...env },
  });
  return await run.then(
    () => null,
    (error: { signal: NodeJS.Signals | null; stderr: string }) =>
      error.signal ?? Promise.reject(new Error(error.stderr)),
  );
}

it.each(points)('[R150] a purge that is killed at $point ($hit) is completed by the next one', async (point) => {
  const folder = mkdtempSync(join(tmpdir(), 'purge-'));
  try {
    const [path, log] = [join(folder, 'warehouse.duckdb'), join(folder, 'log')];
    await load(path);
    expect(await purge(path, crashEnvironment('CRASH_AT', point, log))).toBe('SIGKILL');
    expect(firedIn(log)).toEqual([`CRASH_AT ${point.point}:${point.hit}`]);
    expect(await purge(path)).toBeNull();

    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    const rows = await connection.runAndReadAll(`
      select raw_data::varchar like '{"tmdb_stream_expired%' as is_blank, count(*)::integer, min(fetched_at)::varchar
        from (select raw_data, fetched_at from bronze.raw_movies union all select raw_data, fetched_at from bronze.raw_genres)
       group by all order by all`);
    expect(rows.getRows()).toEqual([
      [false, 50, '2026-01-09 00:00:00'],
      [true, 51, '2026-01-01 00:00:00'],
    ]);
    connection.closeSync();
    instance.closeSync();
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const leaks = files.filter(({ parentPath, name }) => readFileSync(join(parentPath, name)).includes('marker 0 of'));
    expect(leaks.map(({ name }) => name)).toEqual([]);
    expect(files.filter(({ parentPath }) => parentPath.startsWith(`${path}.rewrite`))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
