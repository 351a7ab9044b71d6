import { readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { asFileError } from '../../runtime/file-error.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { SideOutputError } from '../system.ts';
import { catalog, type DuckDbFileOptions, openDuckDbFile } from './file.ts';

/**
 * Copies GOLD into a separate file that replaces the last one by rename. A reader meets no
 * lock and no partial run, and a reader that has the last file open continues to read it. The tables are in the schema `gold`.
 * @throws SideOutputError if the copy cannot be written, and the errors of `openDuckDbFile`; the last copy stays unchanged.
 */
export async function publishGold(options: DuckDbFileOptions, goldPath: string): Promise<void> {
  const target = resolve(goldPath);
  const unfinished = `${target}.${process.pid}.unfinished`;
  const file = await openDuckDbFile({ ...options, readOnly: true });
  try {
    // Readers may run as other users.
    makeFolder(dirname(target), 0o755);
    removeUnfinished(target);
    await copyGold(file.connection, unfinished);
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
async function copyGold(connection: DuckDBConnection, path: string): Promise<void> {
  await connection.run(`attach '${path.replaceAll("'", "''")}' as published; create schema published.gold`);
  const tables = await connection.runAndReadAll(
    `select table_name from information_schema.tables where table_catalog = '${catalog}' and table_schema = 'gold'`,
  );
  // One transaction: copying many small tables costs one commit instead of one for each.
  await connection.run('begin');
  for (const [table] of tables.getRows()) {
    await connection.run(`create table published.gold."${table}" as from ${catalog}.gold."${table}"`);
  }
  await connection.run('commit');
  await connection.run('detach published');
}

/** Removes the temporary file of a killed run, with its log. This process has the lock, so no other process uses it. */
function removeUnfinished(target: string): void {
  for (const file of readdirSync(dirname(target))) {
    const isLeft = file.startsWith(`${basename(target)}.`) && /\.unfinished(\.wal)?$/.test(file);
    if (isLeft) rmSync(join(dirname(target), file), { recursive: true, force: true });
  }
}
