import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { catalog, type DuckDbFileOptions, openDuckDbFile } from './file.ts';

/**
 * Copies GOLD into a file of its own that takes the place of the last one at once, by rename: whoever reads it meets no
 * lock and never half a run, and who has the last one open goes on reading that. Its tables stand in the schema `gold`.
 * @throws what `openDuckDbFile` throws; the last copy stays as it was.
 */
export async function publishGold(options: DuckDbFileOptions, goldPath: string): Promise<void> {
  const target = resolve(goldPath);
  mkdirSync(dirname(target), { recursive: true });
  const unfinished = `${target}.${process.pid}.unfinished`;
  try {
    await using file = await openDuckDbFile({ ...options, readOnly: true });
    removeUnfinished(target);
    await copyGold(file.connection, unfinished);
    renameSync(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

/** The copy is closed, and with that whole on disk, when this resolves. */
async function copyGold(connection: DuckDBConnection, path: string): Promise<void> {
  await connection.run(`attach '${path.replaceAll("'", "''")}' as published; create schema published.gold`);
  const tables = await connection.runAndReadAll(
    `select table_name from information_schema.tables where table_catalog = '${catalog}' and table_schema = 'gold'`,
  );
  // One transaction: copying many small tables takes a commit, not one each.
  await connection.run('begin');
  for (const [table] of tables.getRows()) {
    await connection.run(`create table published.gold."${table}" as from ${catalog}.gold."${table}"`);
  }
  await connection.run('commit');
  await connection.run('detach published');
}

/** What a run left that was killed on the way. We have the file open, so nobody else is at it. */
function removeUnfinished(target: string): void {
  for (const file of readdirSync(dirname(target))) {
    if (file.startsWith(`${basename(target)}.`) && file.endsWith('.unfinished')) {
      rmSync(join(dirname(target), file), { force: true });
    }
  }
}
