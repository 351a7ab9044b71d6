import { DuckDBInstance } from '@duckdb/node-api';
import { expect, it } from 'vitest';
import { lastRunReportSql, projectFingerprint, transformState } from '../../../transform/state.ts';
import { derivedRelations, gone, projectDir, WarehouseFile } from '../../support/dbt/warehouse-file.ts';

it('[R41] builds every table from an empty BRONZE, passes its unit tests, and is due only if there is something to build', async () => {
  await using file = await WarehouseFile.create();
  const fingerprint = await projectFingerprint(projectDir);
  const state = (current = fingerprint) => transformState((sql) => file.query(sql), current);
  const vars = { project_fingerprint: fingerprint };
  expect(await state()).toEqual({ due: true, reason: 'never run', fullRefresh: true, waiting: 0 });

  await addSmallRowGroups(file.path);
  const progress: number[] = [];
  const summary = await file.dbt({ vars, onProgress: ({ done }) => progress.push(done) });
  expect(summary).toMatchObject({ status: 'success', models: derivedRelations.length, failures: [] });
  expect(progress).toEqual(progress.map((_, index) => index + 1));
  // If a checkpoint of dbt merged the loader's row groups, it would rewrite up to 122,880 documents in each run.
  const rowGroups = "select count(distinct row_group_id) as n from pragma_storage_info('bronze.loaded')";
  expect(await file.query(rowGroups)).toEqual([{ n: '3' }]);
  // dbt also counts each exposure as a step, although there is nothing to do.
  const exposures = 2;
  expect(progress.length).toBe(summary.models + summary.tests.passed + exposures);
  expect(await file.query('select genre_name from gold.dim_genres')).toEqual([{ genre_name: 'Unknown' }]);
  expect(await file.query('select count(*) as n from gold.fact_movies')).toEqual([{ n: '0' }]);
  // A view that names the database breaks where the file is attached under another name.
  const views = await file.query("select view_name, sql from duckdb_views() where schema_name = 'gold'");
  expect(views.length).toBeGreaterThan(0);
  expect(views.filter(({ sql }) => /from \w+\.gold\./i.test(String(sql)))).toEqual([]);
  expect(await state()).toEqual({ due: false, reason: 'up to date', fullRefresh: false, waiting: 0 });
  expect(await state('other SQL')).toEqual({ due: true, reason: 'project changed', fullRefresh: true, waiting: 0 });

  const unitTests = await file.dbt({ vars, command: 'test', unitTests: true, select: ['test_type:unit'] });
  expect(unitTests.tests.passed).toBeGreaterThan(10);

  await file.load(1, [gone(1, 0)]);
  expect(await state()).toEqual({ due: true, reason: 'new batches', fullRefresh: false, waiting: 0 });
  const [report] = await file.query(lastRunReportSql);
  expect(report).toMatchObject({ command: 'test', status: 'success', tests_passed: String(unitTests.tests.passed) });
});

/** A table of 30,000 rows, written as the loader writes BRONZE. */
async function addSmallRowGroups(path: string): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`attach '${path}' as tmdb (row_group_size 10240)`);
  await connection.run('create table tmdb.bronze.loaded as select range as id from range(30000)');
  await connection.run('detach tmdb');
  connection.closeSync();
  instance.closeSync();
}
