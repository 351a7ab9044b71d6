import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DuckDBConnection } from '@duckdb/node-api';
import { asFileError } from '../../runtime/file-error.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { timestampText } from '../numbered-batch.ts';
import { SideOutputError } from '../system.ts';
import { catalog, type DuckDbFileOptions, openDuckDbFile, quoted } from './file.ts';
import type { LastStatements, WrittenFile } from './import-database.ts';
import { refuseOtherContents, tableContents, viewNames } from './table-contents.ts';

/** The folder for a rewrite, beside the file. */
const folderOf = (path: string): string => `${path}.rewrite`;

/**
 * Replaces the file with one that has the same contents and no unused parts: DuckDB leaves deleted values in freed blocks. The new file is
 * written by another process, because DuckDB also writes memory that it has not cleared, and the memory of this process has old values.
 * While it runs, this process has the lock, and no other program can open the file for writing.
 * @param blankedBy purges that were recorded by then are finished.
 * @returns the views that the new file has not, because the table or file that they read is gone.
 * @throws SideOutputError if the new file cannot be written or has other rows, and the errors of `openDuckDbFile`; the file stays unchanged.
 */
export async function rewriteFile(options: DuckDbFileOptions, blankedBy: Date): Promise<readonly string[]> {
  await using file = await openDuckDbFile(options);
  // A symbolic link stays one.
  const path = realpathSync(options.path);
  const folder = folderOf(path);
  const [target, written] = [join(folder, 'tables'), join(folder, 'new.duckdb')];
  try {
    rmSync(folder, { recursive: true, force: true });
    makeFolder(folder);
    // crash point: purge.rewrite-begun
    await file.connection.run(`force checkpoint ${catalog}`);
    // Parquet files contain only the values. At the default size, each thread holds 122,880 rows of 5 KB in memory.
    await file.connection.run(
      `export database ${catalog} to '${quoted(target)}' (format parquet, row_group_size 10240)`,
    );
    const last = await lastStatements(file.connection, blankedBy, options.clock.now());
    writeFileSync(join(target, 'last.json'), JSON.stringify(last));
    const tables = await tableContents(file.connection);
    // crash point: purge.exported
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, 'import-database.ts'), target, written],
      { env: { HOME: folder } },
    );
    if (existsSync(`${written}.wal`)) throw new Error(`${written} is not complete: it still has a log`);
    const imported = JSON.parse(stdout) as WrittenFile;
    // crash point: purge.imported
    refuseOtherContents(tables, imported.tables);
    giveOwner(written, path);
    // crash point: purge.rewritten
    // Before the purge counts as finished: a kill after that leaves an empty folder, which no later purge has to remove.
    rmSync(target, { recursive: true });
    renameSync(written, path);
    // crash point: purge.replaced
    return imported.lostViews;
  } catch (error) {
    throw new SideOutputError('the warehouse file without expired answers', asFileError(error));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Gives a file the owner and the mode of another one. @throws Error if this user may not: the file's own user could not open it. */
function giveOwner(written: string, path: string): void {
  const [now, old] = [statSync(written), statSync(path)];
  if (now.uid !== old.uid || now.gid !== old.gid) {
    try {
      chownSync(written, old.uid, old.gid);
    } catch (error) {
      const owner = `user ${old.uid} and group ${old.gid}`;
      throw new Error(`the new file must belong to ${owner}, as ${path} does: run as that user`, { cause: error });
    }
  }
  chmodSync(written, old.mode & 0o777);
}

/** What an export leaves out: comments; and the record of this rewrite. */
async function lastStatements(connection: DuckDBConnection, blankedBy: Date, now: number): Promise<LastStatements> {
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
    ),
    named as (
      select *, format('"{}"."{}"', replace(schema_name, '"', '""'), replace(table_name, '"', '""')) as name from commented
    )
    select name, format('comment on {} {}', kind, name) || coalesce(format('."{}"', replace(column_name, '"', '""')), '')
           || ' is ''' || replace(comment, '''', '''''') || ''''
      from named`);
  return {
    views: await viewNames(connection),
    comments: comments.getRows().map(([on, sql]) => ({ on: String(on), sql: String(sql) })),
    finished: `update bronze.purges set finished_at = timestamp '${timestampText(new Date(now))}'
      where finished_at is null
        -- One process has the file: a later time than now is of a clock that was ahead.
        and (recorded_at <= timestamp '${timestampText(blankedBy)}' or recorded_at > timestamp '${timestampText(new Date(now))}')`,
  };
}
