import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../platform/config.ts';
import { toolsDir } from '../../platform/context.ts';
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
  const models = ['fact_movies', 'dim_genres', 'large'];
  const publish = () => publishGold(options(), goldPath(), models);
  const options = () => ({ path: join(folder, 'tmdb.duckdb'), lockWaitMs: 10_000, clock: systemClock });
  const goldPath = () => join(folder, 'readers', 'tmdb_gold.duckdb');

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

  it('holds every model of the project in GOLD, views as tables, and nothing else', async () => {
    await write(`create table gold.kpi_of_an_older_project as select 1 as n;
      create view gold.large as select count(*) as n from gold.fact_movies`);
    await publish();
    const reader = await openReader();
    const tables = `select table_schema, table_name, table_type from information_schema.tables order by all`;
    const names = ['dim_genres', 'fact_movies', 'large'];
    expect(await reader.rows(tables)).toEqual([
      ...names.map((name) => ['gold', name, 'VIEW']),
      ...names.map((name) => ['main', name, 'BASE TABLE']),
    ]);
    expect(await reader.rows('from large')).toEqual([['1000']]);
    reader.close();
  });

  it('opens under a name without quotes: `show tables` and `from fact_movies` find the tables, and so does the schema gold', async () => {
    await publish();
    const reader = await openReader();
    expect(await reader.rows('select current_database()')).toEqual([['tmdb_gold']]);
    expect(await reader.rows('show tables')).toEqual([['dim_genres'], ['fact_movies']]);
    for (const name of ['fact_movies', 'gold.fact_movies', 'tmdb_gold.fact_movies', 'tmdb_gold.gold.fact_movies']) {
      const rows = await reader.rows(`select count(*)::integer, max(title) from ${name}`);
      expect(rows, name).toEqual([[1_000, 'Movie 999']]);
    }
    reader.close();
  });

  it('has the comments of tables and columns, whatever their characters', async () => {
    await write(`comment on table gold.fact_movies is 'One row per movie; "it''s" here';
      comment on column gold.fact_movies.title is 'Never empty -- ''; drop table x'`);
    await publish();
    const reader = await openReader();
    const comments = `select comment from duckdb_tables() where table_name = 'fact_movies'
      union all select comment from duckdb_columns() where column_name = 'title' and table_name = 'fact_movies'
        and schema_name = 'main'`;
    expect(await reader.rows(comments)).toEqual([
      ['One row per movie; "it\'s" here'],
      ["Never empty -- '; drop table x"],
    ]);
    reader.close();
  });

  it('[P13] gives each connection of a pool the newest GOLD, if the connection attaches the file to a database in memory', async () => {
    await write('create or replace table gold.fact_movies as select 0 as version from range(1000)');
    await publish();
    // As docs/reading-gold.md says for Python, where connections to one path share what the first one opened.
    const lines = `
import duckdb, sys
def connect():
    connection = duckdb.connect()
    connection.execute(f"attach '{sys.argv[1]}' as tmdb_gold (read_only); use tmdb_gold")
    return connection
pool = [connect() for _ in range(4)]
for line in sys.stdin:
    held = [one.execute('select min(version), max(version), count(*) from fact_movies').fetchone() for one in pool]
    pool.pop(0)  # the oldest is recycled, the others stay open
    pool.append(connect())
    print(held, flush=True)
`;
    const python = spawn(join(toolsDir, 'dbt', 'bin', 'python'), ['-c', lines, goldPath()]);
    const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
    for (let version = 0; version < 8; version++) {
      python.stdin.write('\n');
      const held = [version - 4, version - 3, version - 2, version - 1].map((one) => Math.max(one, 0));
      expect((await answers.next()).value).toBe(`[${held.map((one) => `(${one}, ${one}, 1000)`).join(', ')}]`);
      await write(`update gold.fact_movies set version = ${version + 1}`);
      await publish();
    }
    python.stdin.end();
    expect(await once(python, 'close')).toEqual([0, null]);
  });

  it('[P13] is replaced under a reader, which continues with its open copy; the next reader sees the new one', async () => {
    await publish();
    const before = await openReader();
    await write(`update gold.fact_movies set title = 'changed'`);
    await publish();
    const titles = 'select count(distinct title)::integer from gold.fact_movies';
    expect(await before.rows(titles)).toEqual([[1_000]]);
    before.close();
    const after = await openReader();
    expect(await after.rows(titles)).toEqual([[1]]);
    after.close();
  });

  it('[P13] does not change when the next copy cannot be made, and no partial copy remains', async () => {
    await publish();
    await write('drop schema gold cascade; drop schema silver cascade');
    rmSync(options().path);
    await expect(publish()).rejects.toThrow();
    expect(readdirSync(join(folder, 'readers'))).toEqual(['tmdb_gold.duckdb']);
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
      const error = await publish().catch((thrown) => thrown);
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
      await publish();
      expect(goldPublishedAt(goldPath())).toBeGreaterThan(0);
    },
  );

  it.runIf(SmallDisk.isPossible())(
    '[R108] does not change on a full disk, leaves no partial copy, and is made when there is space',
    async () => {
      using disk = new SmallDisk(2);
      const path = join(disk.path, 'tmdb_gold.duckdb');
      await publishGold(options(), path, models);
      await write(
        'create table gold.large as select hash(range)::varchar || hash(range + 1)::varchar as text from range(400000)',
      );
      const before = readFileSync(path);
      const error = await publishGold(options(), path, models).catch((thrown) => thrown);
      expect(error).toMatchObject({ name: 'SideOutputError', cause: { name: 'FileError', systemCode: 'ENOSPC' } });
      expect(withSetting(error, loadConfig({ DATA_DIR: folder, DUCKDB_GOLD_PATH: path })).exitCode).toBe(
        ExitCode.failed,
      );
      expect(readdirSync(disk.path)).toEqual(['tmdb_gold.duckdb']);
      expect(readFileSync(path).equals(before)).toBe(true);
      disk.resize(100);
      await publishGold(options(), path, models);
      expect(readFileSync(path).length).toBeGreaterThan(before.length);
    },
  );

  it('[R119] belongs to one warehouse: another one that has the same path is refused, until the file is deleted', async () => {
    await publish();
    const other = { ...options(), path: join(folder, 'other', 'tmdb.duckdb') };
    mkdirSync(dirname(other.path));
    {
      await using file = await openDuckDbFile(other);
      await file.connection.run('create schema gold; create table gold.fact_movies as select 7 as movie_sk');
    }
    const before = readFileSync(goldPath());
    await expect(publishGold(other, goldPath(), models)).rejects.toThrow(
      /has the GOLD of another warehouse, \.\.\/tmdb\.duckdb: give each its own DUCKDB_GOLD_PATH, or delete the file/,
    );
    expect(readFileSync(goldPath()).equals(before)).toBe(true);
    await publish();
    rmSync(goldPath());
    await publishGold(other, goldPath(), models);
    await expect(publish()).rejects.toThrow(SideOutputError);
  });

  it('is replaced if it was made by an older version, or cannot be read', async () => {
    mkdirSync(dirname(goldPath()));
    writeFileSync(goldPath(), 'no database');
    await publish();
    const reader = await openReader();
    expect(await reader.rows('select count(*) from dim_genres')).toEqual([['0']]);
    reader.close();
  });

  it('removes the files of a killed run', async () => {
    await publish();
    writeFileSync(`${goldPath()}.4711.unfinished`, 'half');
    writeFileSync(`${goldPath()}.4711.unfinished.wal`, 'half');
    mkdirSync(`${goldPath()}.4712.unfinished`);
    await publish();
    expect(readdirSync(join(folder, 'readers'))).toEqual(['tmdb_gold.duckdb']);
  });
});
