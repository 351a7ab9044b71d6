import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DbtEnvironment, DbtRun } from '../../../transform/dbt/dbt.ts';
import { DbtError } from '../../../transform/dbt/dbt-error.ts';
import { openColdDbt } from '../../../transform/dbt/open-dbt.ts';
import { SnowflakeTables } from '../../support/dbt/snowflake-tables.ts';
import { movie, WarehouseFile } from '../../support/dbt/warehouse-file.ts';
import { casesOf } from '../../tiers.ts';

// What dbt does to an incremental table if its SQL has other columns than before: the project's settings, on models of this test.

const sqlOf = (
  columns: string,
) => `{{ config(materialized="incremental", incremental_strategy="replace", unique_key="movie_id") }}
select cast(movie_id as bigint) as movie_id${columns} from {{ source("bronze", "raw_movies") }}`;
const votes = ', cast(7 as integer) as votes';
/** For each model its columns after the key, before and after the change. */
const changes = {
  added: [votes, `${votes}, cast('a' as varchar) as title`],
  removed: [votes, ''],
  retyped: [votes, ", cast('7' as varchar) as votes"],
  'gold/contracted': [votes, ", cast('7' as varchar) as votes"],
} as const;
/** In GOLD, each model has a contract. */
const contract = `models:
  - name: contracted
    columns: [{ name: movie_id, data_type: bigint }, { name: votes, data_type: integer }]`;

let file: WarehouseFile;
let snowflake: SnowflakeTables;
/** A copy of the project with the sources and the models of this test. */
let dir: string;
beforeAll(async () => {
  [file, snowflake] = await Promise.all([WarehouseFile.create(), SnowflakeTables.create()]);
  ({ dir } = await file.copyOfProject());
  const remove = async (folder: string, kept: readonly string[]) => {
    for (const name of await readdir(join(dir, folder))) {
      if (!kept.includes(name)) await rm(join(dir, folder, name), { recursive: true });
    }
  };
  await remove('models', ['bronze', 'groups.yml']);
  await remove('tests', ['generic']);
  await mkdir(join(dir, 'models/gold'));
  await writeFile(join(dir, 'models/gold/contracted.yml'), contract);
  await file.load(1, [movie(1), movie(2)]);
  await snowflake.catchUpWith(file);
});
afterAll(async () => {
  for (const resource of [file, snowflake]) await resource?.[Symbol.asyncDispose]();
});

async function writeModels(version: 0 | 1): Promise<void> {
  for (const [name, columns] of Object.entries(changes)) {
    await writeFile(join(dir, 'models', `${name}.sql`), sqlOf(columns[version]));
  }
}

type Warehouse = Pick<WarehouseFile | SnowflakeTables, 'query'> & { place(): DbtEnvironment };

/** Runs dbt. @returns the models that failed, each with the line of its message that says why. */
async function run(warehouse: Warehouse, options: Partial<DbtRun> = {}) {
  await using dbt = openColdDbt({ ...warehouse.place(), projectDir: dir });
  const error = await file.run(dbt, { command: 'run', ...options }).catch((thrown: unknown) => thrown);
  const failures = error instanceof DbtError ? error.summary?.failures : [];
  const reasonOf = (message: string) => /out of sync|enforced contract/.exec(message)?.[0] ?? message;
  return Object.fromEntries((failures ?? []).map(({ name, message }) => [name, reasonOf(message)]));
}

/** For each table its columns after the key, with the kind of their type, and its number of rows. */
async function tablesOf({ query }: Warehouse) {
  const tables: Record<string, string> = {};
  for (const name of Object.keys(changes).map((model) => model.replace('gold/', ''))) {
    const columns = await query(
      `select lower(column_name) as name, case when lower(data_type) in ('text', 'varchar') then 'text' else 'number' end as kind
       from information_schema.columns where lower(table_name) = '${name}' and lower(column_name) <> 'movie_id'
       order by ordinal_position`,
    );
    const [rows] = await query(`select count(*) as n from ${name === 'contracted' ? 'gold' : 'silver'}.${name}`);
    tables[name] = [...columns.map(({ name, kind }) => `${name} ${kind}`), `${rows?.['n']} rows`].join(', ');
  }
  return tables;
}

it.each(casesOf(['DuckDB', 'Snowflake']))(
  '[P32] on %s, an incremental model whose columns change fails and stays as it is until a full refresh; a contract holds also then',
  async (name) => {
    const warehouse: Warehouse =
      name === 'DuckDB'
        ? { place: () => file.place(), query: (sql) => file.query(sql) }
        : { place: () => snowflake.place(), query: (sql) => snowflake.query(sql) };
    const before = {
      added: 'votes number, 2 rows',
      removed: 'votes number, 2 rows',
      retyped: 'votes number, 2 rows',
      contracted: 'votes number, 2 rows',
    };
    await writeModels(0);
    expect(await run(warehouse)).toEqual({});
    expect(await tablesOf(warehouse)).toEqual(before);

    await writeModels(1);
    const failed = {
      added: 'out of sync',
      removed: 'out of sync',
      retyped: 'out of sync',
      contracted: 'enforced contract',
    };
    expect(await run(warehouse)).toEqual(failed);
    expect(await tablesOf(warehouse)).toEqual(before);

    expect(await run(warehouse, { fullRefresh: true })).toEqual({ contracted: 'enforced contract' });
    const after = { added: 'votes number, title text, 2 rows', removed: '2 rows', retyped: 'votes text, 2 rows' };
    expect(await tablesOf(warehouse)).toEqual({ ...before, ...after });
  },
);
