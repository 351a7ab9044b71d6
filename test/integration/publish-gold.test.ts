import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { openDuckDbFile } from '../../lib/warehouse/duckdb/file.ts';
import { publishGold } from '../../lib/warehouse/duckdb/publish-gold.ts';

describe('the published copy of GOLD', () => {
  let folder: string;
  const options = () => ({ path: join(folder, 'tmdb.duckdb'), lockWaitMs: 10_000, clock: systemClock });
  const goldPath = () => join(folder, 'readers', 'tmdb-gold.duckdb');

  const write = async (sql: string) => {
    await using file = await openDuckDbFile(options());
    await file.connection.run(sql);
  };
  /** Reads as a BI tool would: with no turn and nothing of ours. */
  const openReader = async () => {
    const instance = await DuckDBInstance.create(goldPath(), { access_mode: 'READ_ONLY' });
    const connection = await instance.connect();
    return {
      rows: async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson(),
      close: () => {
        connection.closeSync();
        instance.closeSync();
      },
    };
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-gold-'));
    await write(`create schema gold; create schema silver; create table silver.inner_works as select 1 as n;
      create table gold.fact_movies as select range::integer as movie_sk, 'Movie ' || range as title from range(1000);
      create table gold.dim_genres (genre_sk varchar not null)`);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('holds every table of GOLD and nothing else', async () => {
    await publishGold(options(), goldPath());
    const reader = await openReader();
    const tables = 'select table_schema, table_name from information_schema.tables order by table_name';
    expect(await reader.rows(tables)).toEqual([
      ['gold', 'dim_genres'],
      ['gold', 'fact_movies'],
    ]);
    expect(await reader.rows('select count(*)::integer, max(title) from gold.fact_movies')).toEqual([
      [1_000, 'Movie 999'],
    ]);
    reader.close();
  });

  it('is replaced under a reader, which continues with its open copy; the next reader sees the new one', async () => {
    await publishGold(options(), goldPath());
    const before = await openReader();
    await write(`update gold.fact_movies set title = 'changed'`);
    await publishGold(options(), goldPath());
    const titles = 'select count(distinct title)::integer from gold.fact_movies';
    expect(await before.rows(titles)).toEqual([[1_000]]);
    before.close();
    const after = await openReader();
    expect(await after.rows(titles)).toEqual([[1]]);
    after.close();
  });

  it('stays as it was when the next cannot be made, and leaves no half behind', async () => {
    await publishGold(options(), goldPath());
    await write('drop schema gold cascade; drop schema silver cascade');
    rmSync(options().path);
    await expect(publishGold(options(), goldPath())).rejects.toThrow();
    expect(readdirSync(join(folder, 'readers'))).toEqual(['tmdb-gold.duckdb']);
  });

  it('takes away what a run left that was killed', async () => {
    await publishGold(options(), goldPath());
    writeFileSync(`${goldPath()}.4711.unfinished`, 'half');
    await publishGold(options(), goldPath());
    expect(readdirSync(join(folder, 'readers'))).toEqual(['tmdb-gold.duckdb']);
  });
});
