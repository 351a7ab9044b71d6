import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../platform/config.ts';
import { withSetting } from '../../platform/places.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { openDuckDbFile } from '../../warehouse/duckdb/file.ts';
import { goldPublishedAt } from '../../warehouse/duckdb/gold-published-at.ts';
import { publishGold } from '../../warehouse/duckdb/publish-gold.ts';
import { SideOutputError } from '../../warehouse/system.ts';
import { SmallDisk } from '../support/warehouse/warehouse-disk.ts';

describe('the published copy of GOLD', () => {
  let folder: string;
  const options = () => ({ path: join(folder, 'tmdb.duckdb'), lockWaitMs: 10_000, clock: systemClock });
  const goldPath = () => join(folder, 'readers', 'tmdb-gold.duckdb');

  const write = async (sql: string) => {
    await using file = await openDuckDbFile(options());
    await file.connection.run(sql);
  };
  /** Reads like a BI tool: without the queue and without our code. */
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

  it('[P13] is replaced under a reader, which continues with its open copy; the next reader sees the new one', async () => {
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

  it('[P13] does not change when the next copy cannot be made, and no partial copy remains', async () => {
    await publishGold(options(), goldPath());
    await write('drop schema gold cascade; drop schema silver cascade');
    rmSync(options().path);
    await expect(publishGold(options(), goldPath())).rejects.toThrow();
    expect(readdirSync(join(folder, 'readers'))).toEqual(['tmdb-gold.duckdb']);
  });

  const faults: readonly (readonly [string, string, () => void])[] = [
    ['a folder in its place', 'EISDIR', () => void mkdirSync(join(goldPath(), 'x'), { recursive: true })],
    ['a file in the place of its folder', 'EEXIST', () => void writeFileSync(dirname(goldPath()), '')],
    [
      'a link to itself in the place of its folder',
      'ELOOP',
      () => symlinkSync(dirname(goldPath()), dirname(goldPath())),
    ],
  ];

  it.each(faults)(
    '[R108] causes an error of its own type if there is %s, and is made after that is removed',
    async (_, code, spoil) => {
      spoil();
      const error = await publishGold(options(), goldPath()).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(SideOutputError);
      expect(error).toMatchObject({ retriable: true, cause: { name: 'FileError', systemCode: code } });
      expect(withSetting(error, loadConfig({ DATA_DIR: folder, DUCKDB_GOLD_PATH: goldPath() }))).toMatchObject({
        exitCode: ExitCode.usage,
        message: expect.stringMatching(
          /^DUCKDB_GOLD_PATH: the copy of GOLD for readers: [^\n]*cannot be used: [^\n]+$/,
        ),
      });
      expect(goldPublishedAt(goldPath())).toBeUndefined();
      rmSync(dirname(goldPath()), { recursive: true, force: true });
      await publishGold(options(), goldPath());
      expect(goldPublishedAt(goldPath())).toBeGreaterThan(0);
    },
  );

  it.runIf(SmallDisk.isPossible())(
    '[R108] does not change on a full disk, leaves no partial copy, and is made when there is space',
    async () => {
      using disk = new SmallDisk(2);
      const path = join(disk.path, 'tmdb-gold.duckdb');
      await publishGold(options(), path);
      await write(
        'create table gold.large as select hash(range)::varchar || hash(range + 1)::varchar as text from range(400000)',
      );
      const before = readFileSync(path);
      const error = await publishGold(options(), path).catch((thrown) => thrown);
      expect(error).toMatchObject({ name: 'SideOutputError', cause: { name: 'FileError', systemCode: 'ENOSPC' } });
      expect(withSetting(error, loadConfig({ DATA_DIR: folder, DUCKDB_GOLD_PATH: path })).exitCode).toBe(
        ExitCode.failed,
      );
      expect(readdirSync(disk.path)).toEqual(['tmdb-gold.duckdb']);
      expect(readFileSync(path).equals(before)).toBe(true);
      disk.resize(100);
      await publishGold(options(), path);
      expect(readFileSync(path).length).toBeGreaterThan(before.length);
    },
  );

  it('removes the files of a killed run', async () => {
    await publishGold(options(), goldPath());
    writeFileSync(`${goldPath()}.4711.unfinished`, 'half');
    writeFileSync(`${goldPath()}.4711.unfinished.wal`, 'half');
    mkdirSync(`${goldPath()}.4712.unfinished`);
    await publishGold(options(), goldPath());
    expect(readdirSync(join(folder, 'readers'))).toEqual(['tmdb-gold.duckdb']);
  });
});
