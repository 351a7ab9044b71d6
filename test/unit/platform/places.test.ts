import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../platform/config.ts';
import { goldCopyMistakes, placesOf, withSetting } from '../../../platform/places.ts';
import { FileError } from '../../../runtime/file-error.ts';

const snowflake = {
  WAREHOUSE: 'snowflake',
  ...{ SNOWFLAKE_ACCOUNT: 'A-B', SNOWFLAKE_USER: 'U', SNOWFLAKE_TOKEN: 'token' },
};

describe('the places that a command writes', () => {
  it('include the file of the warehouse, by the setting that names its folder', () => {
    expect(placesOf(loadConfig({ DATA_DIR: '/data' }), ['warehouse'])).toEqual([
      { setting: 'DATA_DIR', folder: '/data', file: '/data/tmdb.duckdb' },
    ]);
    const config = loadConfig({ DATA_DIR: '/data', DUCKDB_PATH: '/files/x.duckdb' });
    expect(placesOf(config, ['warehouse'])).toEqual([
      { setting: 'DUCKDB_PATH', folder: '/files', file: '/files/x.duckdb' },
    ]);
  });

  it('include no file of a warehouse that is not chosen', () => {
    const config = loadConfig({ ...snowflake, DATA_DIR: '/data', DUCKDB_GOLD_PATH: '/proc/x/gold.duckdb' });
    expect(placesOf(config, ['warehouse'])).toEqual([]);
    expect(goldCopyMistakes(config)).toEqual([]);
  });

  it.each([
    ['/files/gold.main.wal', 'DUCKDB_PATH'],
    ['/files/gold.1.unfinished', 'DUCKDB_GOLD_PATH'],
    ['/files/data/dbt', 'DATA_DIR'],
  ])('are named by the setting with the longest path that fits: %s', (path, setting) => {
    const paths = { DUCKDB_PATH: '/files/gold.main', DUCKDB_GOLD_PATH: '/files/gold', DATA_DIR: '/files/data' };
    const error = new FileError('EACCES', 'no access', { path });
    expect(withSetting(error, loadConfig(paths)).message).toBe(`${setting}: no access`);
  });
});
