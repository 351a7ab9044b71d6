import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { makeTemporaryFolder } from '../../runtime/temporary-folder.ts';
import { type NumberedBatch, rowsIn } from '../numbered-batch.ts';
import { type RawTable, WarehouseUnavailableError } from '../warehouse.ts';
import { noCode, SnowflakeError } from './errors.ts';
import { type LoadLock, mustHaveChanged } from './load-lock.ts';
import { columnsOf, valuesOf } from './raw-tables.ts';
import type { SnowflakeSession } from './session.ts';

/**
 * Loads large batches through a file: compressed lines of JSON, PUT into the stage, copied into `load_lines` and from there into
 * the table, all within the session's transaction. Each file has a new name, because COPY INTO skips a file that it
 * has loaded before. @param prefix of the table's name.
 */
export async function copyRows(
  lock: LoadLock,
  table: RawTable,
  batches: readonly NumberedBatch[],
  prefix: string,
): Promise<void> {
  await using folder = await makeTemporaryFolder('load');
  const name = `${randomUUID()}.ndjson.gz`;
  const file = join(folder.path, name);
  // The fastest compression: it costs our CPU time and saves network time.
  await pipeline(
    Readable.from(linesOf(table, batches, name)),
    createGzip({ level: 1 }),
    createWriteStream(file, { mode: 0o600 }),
  );
  await upload(lock.session, file);
  await copyLines(lock, table, { name, prefix, rows: rowsIn(batches), batch: batches[0]?.id ?? '' });
}

function* linesOf(table: RawTable, batches: readonly NumberedBatch[], file: string): Generator<string> {
  const columns = columnsOf(table);
  for (const numbered of batches) {
    for (const values of valuesOf(numbered)) {
      const fields = columns.flatMap(({ name, type }, index) => {
        const value = values[index];
        // A key that is absent is NULL in SQL; a null of JSON is a value of VARIANT.
        if (value === null) return [];
        // The line contains the document unchanged. A line feed in JSON is white space, and would end the line.
        return `"${name}":${type === 'variant' ? String(value).replaceAll(/[\r\n]/g, ' ') : JSON.stringify(value)}`;
      });
      yield `{"file":"${file}",${fields.join(',')}}\n`;
    }
  }
}

async function upload(session: SnowflakeSession, file: string): Promise<void> {
  const { rows } = await session
    .execute({ sql: `put 'file://${file}' @bronze.load_files auto_compress = false` })
    .catch((error: unknown) => {
      // No number: Snowflake had assigned a location, but the stage was unreachable.
      if (!(error instanceof SnowflakeError) || error.number !== noCode) throw error; // mutant: snowflake.upload-failed
      throw new WarehouseUnavailableError(error.message, { cause: error });
    });
  // The driver reports a failed PUT as a success.
  if (rows[0]?.['status'] !== 'UPLOADED') {
    throw new WarehouseUnavailableError(`Snowflake: PUT of ${file} ended with ${rows[0]?.['status'] ?? 'no answer'}`);
  }
}

interface File {
  readonly name: string;
  /** Prefix of the table's name. */
  readonly prefix: string;
  readonly rows: number;
  /** For the query tag. */
  readonly batch: string;
}

async function copyLines({ session, transactionGuard }: LoadLock, table: RawTable, file: File): Promise<void> {
  const { name, prefix, rows, batch } = file;
  await session.execute({
    sql: `copy into bronze.load_lines from @bronze.load_files/${name}
          file_format = (type = json compression = gzip allow_duplicate = true) purge = true`,
    batch,
  });
  const columns = columnsOf(table);
  const selected = columns.map(({ name, type }) => (type === 'variant' ? `line:${name}` : `line:${name}::${type}`));
  // By the file's name, because COPY INTO accepts no condition: lines of a loader that lost the lock are not ours.
  // mutant: snowflake.own-lines
  const { rowsChanged } = await session.execute({
    sql: `insert into bronze.${prefix}${table} (${columns.map(({ name }) => name).join(', ')})
          select ${selected.join(', ')} from bronze.load_lines
           where line:file::varchar = '${name}' and ${transactionGuard}`,
    batch,
  });
  mustHaveChanged('rows', rowsChanged, rows);
  await session.execute({ sql: 'delete from bronze.load_lines', batch }); // mutant: snowflake.delete-lines
}
