/**
 * Started by `rewrite-file.ts`: `node import-database.ts FOLDER FILE` creates a DuckDB file from an export and its `last.json`.
 * Prints a `WrittenFile`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { quoted } from './file.ts';
import { memoryLimit } from './memory-limit.ts';
import { type TableContents, tableContents, viewNames } from './table-contents.ts';

/** What an export leaves out. Names are quoted: `"schema"."name"`. */
export interface LastStatements {
  readonly views: readonly string[];
  /** `on`: the table or view. */
  readonly comments: readonly { readonly on: string; readonly sql: string }[];
  readonly finished: string;
}

export interface WrittenFile {
  /** Views that cannot be created, because what they read is gone. */
  readonly lostViews: readonly string[];
  /** Read from the complete file. */
  readonly tables: TableContents;
}

const [folder = '', path = ''] = process.argv.slice(2);
const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();

/** An export orders views by name, so a view may come before one that it reads. @returns the errors of the statements that stay impossible. */
async function runInAnyOrder(sql: string): Promise<unknown[]> {
  const { count } = await connection.extractStatements(sql);
  let open = Array.from({ length: count }, (_, index) => index);
  for (;;) {
    // DuckDB prepares an extracted statement only once.
    const statements = await connection.extractStatements(sql);
    const errors = new Map<number, unknown>();
    for (const index of open) {
      try {
        await (await statements.prepare(index)).run();
      } catch (error) {
        errors.set(index, error);
      }
    }
    if (errors.size === 0 || errors.size === open.length) return [...errors.values()];
    open = [...errors.keys()];
  }
}

const attach = `attach '${quoted(path)}' as tmdb`;
await connection.run(`set memory_limit = '${memoryLimit(2_000)}'; set temp_directory = '${quoted(`${path}.spill`)}';
  set TimeZone = 'UTC'; set autoinstall_known_extensions = false;
  ${attach} (row_group_size 10240); use tmdb`);
const last = JSON.parse(readFileSync(join(folder, 'last.json'), 'utf8')) as LastStatements;
const errors = await runInAnyOrder(readFileSync(join(folder, 'schema.sql'), 'utf8'));
const created = new Set(await viewNames(connection));
const lostViews = last.views.filter((view) => !created.has(view));
// Something other than a view is missing.
if (errors.length > lostViews.length) throw errors[0];
await connection.run(readFileSync(join(folder, 'load.sql'), 'utf8'));
for (const { on, sql } of last.comments) if (!lostViews.includes(on)) await connection.run(sql);
await connection.run(last.finished);
await connection.run(`use memory; detach tmdb; ${attach} (read_only); use tmdb`);
const written: WrittenFile = { lostViews, tables: await tableContents(connection) };
await connection.run('use memory; detach tmdb');
connection.closeSync();
instance.closeSync();
process.stdout.write(JSON.stringify(written));
