import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { movie, root, WarehouseFile } from '../../support/dbt/warehouse-file.ts';

it('runs dbt on the configured warehouse, with the project, profile and folders of the pipeline (npm run dbt)', async () => {
  await using file = await WarehouseFile.create();
  await file.load(1, [movie(1), movie(2)]);
  const dataDir = join(file.dir, 'data');
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], DATA_DIR: dataDir, DUCKDB_PATH: file.path };
  const dbt = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(root, 'transform/by-hand.ts'), ...args], {
      cwd: file.dir,
      env,
      encoding: 'utf8',
    });

  const built = dbt('run', '--select', 'stg_movies');
  expect(built.status, built.stdout + built.stderr).toBe(0);
  expect(await file.query('select movie_id from silver.stg_movies order by 1')).toEqual([
    { movie_id: '1' },
    { movie_id: '2' },
  ]);
  expect(existsSync(join(dataDir, 'dbt/by-hand/manifest.json'))).toBe(true);

  const wrong = dbt('run', '--select', 'stg_movies', '--no-such-option');
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain('--no-such-option');
});
