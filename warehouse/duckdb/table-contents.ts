import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier } from './file.ts';

/** For each table of a file: its number of rows and, for tables of BRONZE, a hash of all their values. */
export type TableContents = Readonly<Record<string, string>>;

const nameOf = (schema: unknown, relation: unknown): string =>
  `${identifier(String(schema))}.${identifier(String(relation))}`;

/** The views of the current catalog, each as `"schema"."name"`. */
export async function viewNames(connection: DuckDBConnection): Promise<string[]> {
  const listed = await connection.runAndReadAll(`
    select schema_name, view_name from duckdb_views()
     where database_name = current_database() and not internal and not temporary`);
  return listed.getRows().map(([schema, view]) => nameOf(schema, view));
}

/** What the tables of the current catalog contain. A rewrite sets `finished_at` of a purge, so this column does not count. */
export async function tableContents(connection: DuckDBConnection): Promise<TableContents> {
  const listed = await connection.runAndReadAll(`
    select schema_name, table_name from duckdb_tables()
     where database_name = current_database() and not temporary order by all`);
  const contents: Record<string, string> = {};
  for (const [schema, table] of listed.getRows()) {
    const path = nameOf(schema, table);
    const values = path === '"bronze"."purges"' ? '* exclude (finished_at)' : '*';
    const hash = schema === 'bronze' ? 'coalesce(sum(hash(compared)), 0)' : '0';
    const counted = await connection.runAndReadAll(
      `select concat_ws(' ', count(*), ${hash}) from (select ${values} from ${path}) as compared`,
    );
    contents[path] = String(counted.getRows()[0]?.[0]);
  }
  return contents;
}

/** @throws Error, with the names of the tables that differ. */
export function refuseOtherContents(old: TableContents, written: TableContents): void {
  const tables = new Set([...Object.keys(old), ...Object.keys(written)]);
  const different = [...tables].filter((table) => old[table] !== written[table]);
  if (different.length > 0) throw new Error(`the new file has other rows than the old one in ${different.join(', ')}`);
}
