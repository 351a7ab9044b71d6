import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { forkedDbt } from '../../support/dbt/server/flags.ts';
import { derivedRelations, movie, root, WarehouseFile } from '../../support/dbt/warehouse-file.ts';

/** What the test reads of dbt's manifest. */
interface Manifest {
  readonly nodes: Readonly<Record<string, ManifestNode>>;
}
interface ManifestNode {
  readonly unique_id: string;
  readonly resource_type: string;
  readonly name: string;
  readonly description: string;
  readonly group?: string | null;
  readonly config: { readonly materialized?: string };
  readonly columns: Readonly<Record<string, { readonly description: string }>>;
  readonly attached_node?: string | null;
  readonly test_metadata?: { readonly name: string };
}

/**
 * Each model describes its grain, has an owner and a test of that grain, and describes its columns. A view has rows of a table, so
 * the test of this table is enough.
 */
function expectDocumented({ nodes }: Manifest): void {
  const all = Object.values(nodes);
  const models = all.filter(({ resource_type: type }) => type === 'model');
  const grainTests = all.filter(({ test_metadata: test }) => test && /^unique/.test(test.name));
  const withGrainTest = new Set(grainTests.map(({ attached_node: node }) => node));
  expect(models.length).toBe(derivedRelations.length);
  for (const { unique_id: id, name, description, group, columns, config } of models) {
    expect(description, name).toMatch(/\bGrain: one row per /);
    expect(group, name).toMatch(/^(data_engineering|analytics)$/);
    if (config.materialized !== 'view') expect(withGrainTest, name).toContain(id);
    const withoutText = Object.entries(columns).filter(([, column]) => column.description.trim() === '');
    expect(withoutText, name).toEqual([]);
  }
}

it('runs dbt on the configured warehouse, with the project, profile and folders of the pipeline (npm run dbt)', async () => {
  await using file = await WarehouseFile.create();
  await file.load(1, [movie(1), movie(2)]);
  const dataDir = join(file.dir, 'data');
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    DATA_DIR: dataDir,
    DUCKDB_PATH: file.path,
    ...forkedDbt.env,
  };
  const dbt = (...args: readonly string[]) =>
    spawnSync(process.execPath, [...forkedDbt.flags, join(root, 'transform/by-hand.ts'), ...args], {
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
  const manifest = JSON.parse(readFileSync(join(dataDir, 'dbt/by-hand/manifest.json'), 'utf8')) as Manifest;
  expectDocumented(manifest);

  const wrong = dbt('run', '--select', 'stg_movies', '--no-such-option');
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain('--no-such-option');
});
