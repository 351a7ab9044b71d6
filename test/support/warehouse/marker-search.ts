import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));

/** The files of a folder whose bytes contain a marker, from that folder. @param omitted a folder in it that is not searched. */
export const filesWith = (folder: string, marker: string, omitted?: string): string[] =>
  filesIn(folder)
    .filter((path) => omitted === undefined || !path.startsWith(`${omitted}/`))
    .filter((path) => readFileSync(path).includes(marker))
    .map((path) => relative(folder, path));

/** `FILE: SCHEMA.TABLE` of each table and view of each DuckDB file in a folder with a row that matches, and the number of such rows. */
export async function tablesWith(folder: string, pattern: RegExp): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const path of filesIn(folder).filter((name) => name.endsWith('.duckdb'))) {
    const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
    const connection = await instance.connect();
    const relations = await connection.runAndReadAll(
      'select table_schema, table_name from information_schema.tables where table_catalog = current_database()',
    );
    for (const [schema, table] of relations.getRows()) {
      const rows = await connection.runAndReadAll(
        `select count(*)::integer from "${schema}"."${table}" as one where regexp_matches(one::varchar, '${pattern.source}')`,
      );
      const count = Number(rows.getRows()[0]?.[0]);
      if (count > 0) found[`${relative(folder, path)}: ${schema}.${table}`] = count;
    }
    connection.closeSync();
    instance.closeSync();
  }
  return found;
}
