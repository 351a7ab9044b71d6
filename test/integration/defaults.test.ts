import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadConfig } from '../../platform/config.ts';
import { systemClock } from '../../runtime/clock.ts';
import { openDuckDbFile } from '../../warehouse/duckdb/file.ts';
import { outcomeOf, rowsIn } from '../support/processes/cli.ts';

const root = join(import.meta.dirname, '../..');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-defaults-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('[R85] does not pass its HOME, locale or time zone to child processes', () => {
  const foreign = {
    HOME: '/nowhere',
    LANG: 'tr_TR.UTF-8',
    LC_ALL: 'tr_TR.UTF-8',
    TZ: 'Asia/Kathmandu',
    XDG_CACHE_HOME: '/x',
  };
  const { childEnvironment, dataDir } = loadConfig({ PATH: '/bin', DATA_DIR: folder, ...foreign });
  expect(childEnvironment).toEqual({
    ...{ PATH: '/bin', HOME: dataDir, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    ...{ PYTHONUTF8: '1', PYTHONNOUSERSITE: '1', DBT_SEND_ANONYMOUS_USAGE_STATS: 'false' },
  });
});

it('[R85] spills beside the DuckDB file when memory is full, and removes files that a killed process left there', async () => {
  const path = join(folder, "it's", 'warehouse.duckdb');
  const spillDir = `${path}.spill`;
  mkdirSync(spillDir, { recursive: true });
  writeFileSync(join(spillDir, 'duckdb_temp_storage_DEFAULT-0.tmp'), 'left behind');
  await using file = await openDuckDbFile({ path, lockWaitMs: 5_000, clock: systemClock });
  const query = async (sql: string) => (await file.connection.runAndReadAll(sql)).getRows();
  expect(readdirSync(join(folder, "it's"))).not.toContain('warehouse.duckdb.spill');
  await file.connection.run("set memory_limit = '60MB'; set threads = 1");
  await file.connection.run(
    'create temp table large as select range as i, md5(range::varchar) as text from range(2_000_000)',
  );
  const [[files] = []] = await query("select list(path) from duckdb_temporary_files() where path not like '%.spill%'");
  expect(files ?? null).toBeNull();
  expect(Number((await query('select count(*) from duckdb_temporary_files()'))[0]?.[0])).toBeGreaterThan(0);
  expect(readdirSync(spillDir).length).toBeGreaterThan(0);
  const settings = new Map((await query('select name, value from duckdb_settings()')) as [string, string][]);
  expect(settings.get('temp_directory')).toBe(spillDir);
  expect(settings.get('home_directory')).toBe(join(folder, "it's"));
  expect(settings.get('extension_directory')).toBe(`${path}.extensions`);
  expect(settings.get('TimeZone')).toBe('UTC');
});

it('[R85 R114] runs in any working directory, HOME, locale and time zone, and leaves no files in these folders', {
  tags: ['full'],
  timeout: 300_000,
}, async () => {
  const [cwd, home, dataDir] = ['cwd', 'home', 'Dätä ığ'].map((name) => join(folder, name));
  for (const dir of [cwd, home]) mkdirSync(dir ?? '');
  const child = spawn(process.execPath, [join(root, 'cli.ts'), 'run', '--once', '--json', '--pages', '2'], {
    cwd,
    env: {
      ...{
        PATH: process.env['PATH'],
        HOME: home,
        DATA_DIR: dataDir,
        SANDBOX_MOVIES: '40',
        TMDB_RATE_LIMIT: '1000/1s',
      },
      ...{ LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', TZ: 'Asia/Kathmandu' },
    },
  });
  const { code, stdout, stderr } = await outcomeOf(child);
  expect(code, stderr).toBe(0);
  expect(rowsIn(JSON.parse(stdout), 'bronze.raw_movies')).toBe(40);
  expect(readdirSync(cwd ?? '')).toEqual([]);
  expect(readdirSync(home ?? '')).toEqual([]);
});
