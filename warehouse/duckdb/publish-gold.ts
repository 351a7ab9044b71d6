import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { asFileError } from '../../runtime/file-error.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { SideOutputError } from '../system.ts';
import { catalog, type DuckDbFileOptions, identifier, openDuckDbFile, quoted } from './file.ts';

/**
 * Copies GOLD into a separate file that replaces the last one by rename. A reader meets no
 * lock and no partial run, and a reader that has the last file open continues to read it. The tables are in the file's default
 * schema, so that `from fact_movies` finds them; the schema `gold` has a view of each, for queries that also run on the warehouse.
 * @param models names of the project's models in GOLD; a table of another name is left over from an older project.
 * @throws SideOutputError if the copy cannot be written or the file is the copy of another warehouse, and the errors of `openDuckDbFile`; the last copy stays unchanged.
 */
export async function publishGold(
  options: DuckDbFileOptions,
  goldPath: string,
  models: readonly string[],
): Promise<void> {
  const target = resolve(goldPath);
  const unfinished = `${target}.${process.pid}.unfinished`;
  const file = await openDuckDbFile({ ...options, readOnly: true });
  try {
    // Readers may run as other users.
    makeFolder(dirname(target), 0o755);
    removeUnfinished(target);
    // Relative, so that a folder with both files can be moved.
    const origin = relative(dirname(target), resolve(options.path));
    await requireSameOrigin(file.connection, target, origin);
    await copyGold(file.connection, unfinished, models);
    await markOrigin(file.connection, unfinished, origin);
    renameSync(unfinished, target);
  } catch (error) {
    removeQuietly(unfinished);
    removeQuietly(`${unfinished}.wal`);
    throw new SideOutputError('the copy of GOLD for readers', asFileError(withPath(error, target)));
  } finally {
    // After a failed copy DuckDB may refuse to detach. The file was only read, and the instance is closed in any case.
    await Promise.resolve(file[Symbol.asyncDispose]()).catch(() => {});
  }
}

/** Two warehouses that publish to one file would replace each other's GOLD again and again. A file that cannot be read is replaced. */
async function requireSameOrigin(connection: DuckDBConnection, target: string, origin: string): Promise<void> {
  if (!existsSync(target)) return;
  const found = await originOf(connection, target).catch(() => null);
  if (found === null || found === origin) return;
  throw new Error(
    `${target} has the GOLD of another warehouse, ${found}: give each its own DUCKDB_GOLD_PATH, or delete the file`,
  );
}

/** The warehouse file that the copy was made from. @throws for a file that an older version made, or that is no copy. */
async function originOf(connection: DuckDBConnection, path: string): Promise<string> {
  await connection.run(`attach ${textLiteral(path)} as replaced (read_only)`);
  try {
    return String((await rowsOf(connection, 'select replaced.gold.published_from()'))[0]?.[0]);
  } finally {
    await connection.run('detach replaced');
  }
}

/** A macro, because the copy has no tables but the models. */
async function markOrigin(connection: DuckDBConnection, path: string, origin: string): Promise<void> {
  await connection.run(`attach ${textLiteral(path)} as published;
    create macro published.gold.published_from() as ${textLiteral(origin)};
    detach published`);
}

/** Users know the copy's path, not that of the temporary file. */
function withPath(error: unknown, target: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return error instanceof Error && code !== undefined ? Object.assign(error, { path: target }) : error;
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The next copy tries again.
  }
}

/** When this resolves, the copy is closed and completely on disk. */
async function copyGold(connection: DuckDBConnection, path: string, models: readonly string[]): Promise<void> {
  const relations = `(select table_name, comment from duckdb_tables() where ${isInGold}
    union all select view_name, comment from duckdb_views() where ${isInGold})`;
  const found = await rowsOf(connection, `select table_name, comment from ${relations} order by table_name`);
  const copied = found.filter(([name]) => models.includes(String(name)));
  const columns = await rowsOf(
    connection,
    `select table_name, column_name, comment from duckdb_columns() where ${isInGold} and comment is not null`,
  );
  // The names in a view's SQL must not contain the name under which the copy is attached here.
  await connection.run(`attach ${textLiteral(path)} as published; use published; create schema gold`);
  // One transaction: copying many small tables costs one commit instead of one for each.
  await connection.run('begin');
  for (const [relation, comment] of copied) {
    const name = String(relation);
    await connection.run(`create table main.${identifier(name)} as from ${catalog}.gold.${identifier(name)};
      create view gold.${identifier(name)} as from main.${identifier(name)}`);
    if (comment !== null) await connection.run(`comment on table main.${identifier(name)} is ${textLiteral(comment)}`);
  }
  for (const [table, column, comment] of columns) {
    if (!models.includes(String(table))) continue;
    const name = `main.${identifier(String(table))}.${identifier(String(column))}`;
    await connection.run(`comment on column ${name} is ${textLiteral(comment)}`);
  }
  await connection.run('commit');
  await connection.run(`use ${catalog}; detach published`);
}

const isInGold = `database_name = '${catalog}' and schema_name = 'gold'`;

const rowsOf = async (connection: DuckDBConnection, sql: string) => (await connection.runAndReadAll(sql)).getRows();
const textLiteral = (text: unknown): string => `'${quoted(String(text))}'`;

/** Removes the temporary file of a killed run, with its log. This process has the lock, so no other process uses it. */
function removeUnfinished(target: string): void {
  for (const file of readdirSync(dirname(target))) {
    const isLeft = file.startsWith(`${basename(target)}.`) && /\.unfinished(\.wal)?$/.test(file);
    if (isLeft) rmSync(join(dirname(target), file), { recursive: true, force: true });
  }
}
