import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ModelsFile } from '../../../dashboard/definitions.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { openColdDbt } from '../../../transform/dbt/open-dbt.ts';
import { modelsOfGold } from '../../../transform/transform.ts';
import { openDuckDbGold } from '../../../warehouse/duckdb/gold-reader.ts';
import { publishGold } from '../../../warehouse/duckdb/publish-gold.ts';
import { listGold } from '../../../warehouse/snowflake/gold-tables.ts';
import { openSnowflakeSession } from '../../../warehouse/snowflake/session.ts';
import { modelsText } from '../../generated-pages/models.ts';
import { SnowflakeTables } from '../../support/dbt/snowflake-tables.ts';
import { movie, WarehouseFile } from '../../support/dbt/warehouse-file.ts';

// The life of an old version of a model in GOLD, as CONTRIBUTING.md describes it, in a copy of the project: in version 2 of
// dim_genres, `genre_name` is called `label`.

const select = ['+dim_genres'];
const deprecated = '2099-03-31';
const oldColumns = ['genre_sk', 'genre_id', 'genre_name'];
const newColumns = ['genre_sk', 'genre_id', 'label'];

/** Changes the text of a file. @throws if nothing changes. */
async function edit(path: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(path, 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`${path} has not changed`);
  await writeFile(path, after);
}

const [latest, first] = [/\bref\((["'])dim_genres\1\)/g, /"?\bref\((["'])dim_genres\1, v=1\)"?/g];

/** Replaces each reference to dim_genres in the project. In YAML, the one with a version is quoted because of its comma. */
async function refer(dir: string, from: RegExp, to: string): Promise<void> {
  for (const name of await readdir(join(dir, 'models'), { recursive: true })) {
    const path = join(dir, 'models', name);
    if (!/\.(?:sql|yml)$/.test(name)) continue;
    const isQuoted = to.includes(',') && name.endsWith('.yml');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replaceAll(from, isQuoted ? `"${to}"` : to));
  }
}

const versions = `    latest_version: 2
    versions:
      - v: 1
        defined_in: dim_genres
        deprecation_date: ${deprecated}
        config: { alias: dim_genres }
        columns:
          - { include: all, exclude: [label] }
          - name: genre_name
            data_type: varchar
            description: The genre's name.
      - v: 2

unit_tests:`;

/** Adds version 2. */
async function addVersion(dir: string): Promise<void> {
  const gold = join(dir, 'models/gold');
  await refer(dir, latest, "ref('dim_genres', v=1)");
  await copyFile(join(gold, 'dim_genres.sql'), join(gold, 'dim_genres_v2.sql'));
  await edit(join(gold, 'dim_genres_v2.sql'), (sql) =>
    sql.replace('as genre_name', 'as label').replace("'Unknown' as genre_name", "'Unknown' as label"),
  );
  await edit(join(gold, 'dim_genres.yml'), (yaml) =>
    yaml
      .replace('- name: genre_name', '- name: label')
      .replace('\nunit_tests:', versions)
      .replace('    model: dim_genres\n', '    model: dim_genres\n    versions: { include: [1] }\n'),
  );
}

/** Removes version 1. */
async function removeVersion(dir: string): Promise<void> {
  const gold = join(dir, 'models/gold');
  await refer(dir, first, "ref('dim_genres')");
  await rm(join(gold, 'dim_genres.sql'));
  await edit(join(gold, 'dim_genres.yml'), (yaml) =>
    yaml.replace(/ {6}- v: 1\n(?: {8}.*\n)+/, '').replace(/unit_tests:.*/s, ''),
  );
  await edit(join(dir, 'dbt_project.yml'), (yaml) =>
    yaml.replace('removed_from_gold: []', 'removed_from_gold: [dim_genres]'),
  );
}

const genresOf = ({ models }: ModelsFile) =>
  Object.fromEntries(
    models
      .filter(({ name }) => name.startsWith('dim_genres'))
      .map(({ name, columns, exposures }) => [name, { columns: columns.map((column) => column.name), exposures }]),
  );

it('[R167] an old version of a model keeps its name, columns and rows beside the new one, until it is removed', async () => {
  await using file = await WarehouseFile.create();
  await file.load(1, [movie(1)]);
  const build = async (projectDir: string) => {
    await using dbt = openColdDbt({ ...file.place(), projectDir });
    await file.run(dbt, { command: 'run', select });
    const path = join(file.dir, 'published.duckdb');
    await publishGold(
      { path: file.path, lockWaitMs: 10_000, clock: systemClock },
      path,
      await modelsOfGold(projectDir),
    );
  };
  /** As the dashboard reads it. */
  const published = async (table: string) => {
    await using gold = openDuckDbGold(join(file.dir, 'published.duckdb'));
    return await gold.read((snapshot) => snapshot.query(`select * from ${table} order by genre_id`));
  };
  const { dir } = await file.copyOfProject();
  await build(dir);
  const before = await published('dim_genres');
  expect(before.map(({ genre_name: name }) => name)).toEqual(['Unknown', 'Drama']);
  expect(Object.keys(before[0] ?? {})).toEqual(oldColumns);

  await addVersion(dir);
  await build(dir);
  expect(await published('dim_genres')).toEqual(before);
  expect(await published('dim_genres_v2')).toEqual(
    before.map(({ genre_name: label, ...kept }) => ({ ...kept, label })),
  );
  expect(genresOf(JSON.parse(modelsText(dir)))).toEqual({
    dim_genres: { columns: oldColumns, exposures: ['Superset', 'Dashboard'] },
    dim_genres_v2: { columns: newColumns, exposures: [] },
  });

  await removeVersion(dir);
  await build(dir);
  await expect(published('dim_genres')).rejects.toThrow('does not exist');
  expect(await published('dim_genres_v2')).toHaveLength(2);
  await expect(file.query('from gold.dim_genres')).rejects.toThrow('does not exist');
  expect(genresOf(JSON.parse(modelsText(dir)))).toEqual({
    dim_genres_v2: { columns: newColumns, exposures: ['Superset', 'Dashboard'] },
  });
});

it('[R167] on Snowflake, the dashboard copies both versions, and the old one until it is removed', {
  tags: ['full'],
}, async () => {
  await using file = await WarehouseFile.create();
  await using snowflake = await SnowflakeTables.create();
  await file.load(1, [movie(1)]);
  await snowflake.catchUpWith(file);
  await using session = await openSnowflakeSession({ settings: snowflake.settings, clock: systemClock, stage: 'test' });
  const { dir } = await file.copyOfProject();
  const build = async () => {
    await using dbt = openColdDbt({ ...snowflake.place(), projectDir: dir });
    await file.run(dbt, { command: 'run', select });
    const tables = await listGold(session, await modelsOfGold(dir), new AbortController().signal);
    return Object.fromEntries(tables.map(({ name, columns }) => [name, columns.map((column) => column.name)]));
  };
  expect(await build()).toEqual({ dim_genres: oldColumns });
  await addVersion(dir);
  expect(await build()).toEqual({ dim_genres: oldColumns, dim_genres_v2: newColumns });
  await removeVersion(dir);
  expect(await build()).toEqual({ dim_genres_v2: newColumns });
  await expect(snowflake.query('select * from gold.dim_genres')).rejects.toThrow();
});
