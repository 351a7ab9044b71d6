import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { asFileError } from '../../runtime/file-error.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { SideOutputError } from '../system.ts';
import { catalog, type DuckDbFileOptions, openDuckDbFile } from './file.ts';

/**
 * Copies GOLD into a file of its own that takes the place of the last one at once, by rename: whoever reads it meets no
 * lock and never half a run, and who has the last one open goes on reading that. Its tables stand in the schema `gold`.
 * @throws SideOutputError if the copy cannot be written, and what `openDuckDbFile` throws; the last copy stays as it was.
 */
export async function publishGold(options: DuckDbFileOptions, goldPath: string): Promise<void> {
  const target = resolve(goldPath);
  const unfinished = `${target}.${process.pid}.unfinished`;
  const file = await openDuckDbFile({ ...options, readOnly: true });
  try {
    // Readers may be other users.
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

/** When the copy was made (ms since the epoch); undefined if there is none, or something else is in its place. */
export function goldPublishedAt(goldPath: string): number | undefined {
  try {
    const stats = statSync(goldPath, { throwIfNoEntry: false });
    return stats?.isFile() ? stats.mtimeMs : undefined;
  } catch {
    return undefined;
  }
}

/** A person knows the copy, not the file that takes its place. */
function withPath(error: unknown, target: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return error instanceof Error && code !== undefined ? Object.assign(error, { path: target }) : error;
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The next copy tries it again.
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

/** What a run left that was killed on the way, with its log. We have the file open, so nobody else is at it. */
function removeUnfinished(target: string): void {
  for (const file of readdirSync(dirname(target))) {
    const isLeft = file.startsWith(`${basename(target)}.`) && /\.unfinished(\.wal)?$/.test(file);
    if (isLeft) rmSync(join(dirname(target), file), { recursive: true, force: true });
  }
}
