import { execFile } from 'node:child_process';
import { chmodSync, existsSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DuckDBConnection } from '@duckdb/node-api';
import { asFileError } from '../../runtime/file-error.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { timestampText } from '../numbered-batch.ts';
import { SideOutputError } from '../system.ts';
import { catalog, type DuckDbFileOptions, openDuckDbFile, quoted } from './file.ts';

/** The folder for a rewrite, beside the file. */
const folderOf = (path: string): string => `${path}.rewrite`;

/**
 * Replaces the file with one that has the same contents and no unused parts: DuckDB leaves deleted values in freed blocks. The new file is
 * written by another process, because DuckDB also writes memory that it has not cleared, and the memory of this process has old values.
 * While it runs, this process has the lock, and no other program can open the file for writing.
 * @param blankedBy purges that were recorded by then are finished.
 * @throws SideOutputError if the new file cannot be written, and the errors of `openDuckDbFile`; the file stays unchanged.
 */
export async function rewriteFile(options: DuckDbFileOptions, blankedBy: Date): Promise<void> {
  await using file = await openDuckDbFile(options);
  // A symbolic link stays one.
  const path = realpathSync(options.path);
  const folder = folderOf(path);
  const [target, written] = [join(folder, 'tables'), join(folder, 'new.duckdb')];
  try {
    rmSync(folder, { recursive: true, force: true });
    makeFolder(folder);
    await file.connection.run(`force checkpoint ${catalog}`);
    // Parquet files contain only the values.
    await file.connection.run(`export database ${catalog} to '${quoted(target)}' (format parquet)`);
    writeFileSync(join(target, 'last.sql'), await lastStatements(file.connection, blankedBy, options.clock.now()));
    // crash point: purge.exported
    await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'import-database.ts'), target, written], {
      env: { HOME: folder },
    });
    if (existsSync(`${written}.wal`)) throw new Error(`${written} is not complete: it still has a log`);
    chmodSync(written, statSync(path).mode & 0o777);
    // crash point: purge.rewritten
    renameSync(written, path);
  } catch (error) {
    throw new SideOutputError('the warehouse file without expired answers', asFileError(error));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What an export leaves out: comments; and the record of this rewrite. */
async function lastStatements(connection: DuckDBConnection, blankedBy: Date, now: number): Promise<string> {
  const comments = await connection.runAndReadAll(`
    with commented as (
      select 'table' as kind, schema_name, table_name, null as column_name, comment from duckdb_tables()
       where database_name = '${catalog}' and comment is not null
      union all
      select 'view', schema_name, view_name, null, comment from duckdb_views()
       where database_name = '${catalog}' and comment is not null
      union all
      select 'column', schema_name, table_name, column_name, comment from duckdb_columns()
       where database_name = '${catalog}' and comment is not null
    )
    select format('comment on {} "{}"."{}"', kind, schema_name, replace(table_name, '"', '""'))
           || coalesce(format('."{}"', replace(column_name, '"', '""')), '')
           || ' is ''' || replace(comment, '''', '''''') || ''';'
      from commented`);
  const finished = `update bronze.purges set finished_at = timestamp '${timestampText(new Date(now))}'
    where finished_at is null and recorded_at <= timestamp '${timestampText(blankedBy)}';`;
  return ['', ...comments.getRows().map(([sql]) => String(sql)), finished, ''].join('\n');
}
