import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type NumberedBatch, rowsIn } from '../numbered-batch.ts';
import { type RawTable, WarehouseUnavailableError } from '../warehouse.ts';
import { noCode, SnowflakeError } from './errors.ts';
import { type LoadLock, mustHaveChanged } from './load-lock.ts';
import { columnsOf, valuesOf } from './raw-tables.ts';
import type { SnowflakeSession } from './session.ts';

/**
 * Large batches, through a file: compressed lines of JSON, PUT into the stage, copied into `load_lines` and from there into
 * the table, all within the session's transaction. The file has a name of its own each time: COPY INTO passes over one that it
 * has loaded before. @param prefix of the table's name.
 */
export async function copyRows(
  turn: LoadLock,
  table: RawTable,
  batches: readonly NumberedBatch[],
  prefix: string,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tmdb-stream-load-'));
  try {
    const name = `${randomUUID()}.ndjson.gz`;
    const file = join(folder, name);
    // The fastest compression: what it takes is our time, what it saves is the network's.
    await pipeline(
      Readable.from(linesOf(table, batches, name)),
      createGzip({ level: 1 }),
      createWriteStream(file, { mode: 0o600 }),
    );
    await upload(turn.session, file);
    await copyLines(turn, table, { name, prefix, rows: rowsIn(batches), batch: batches[0]?.id ?? '' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function* linesOf(table: RawTable, batches: readonly NumberedBatch[], file: string): Generator<string> {
  const columns = columnsOf(table);
  for (const numbered of batches) {
    for (const values of valuesOf(numbered)) {
      const fields = columns.map(({ name, type }, index) => {
        const value = values[index];
        // A document stands in the line as it is. A line feed in JSON is white space, and would end the line.
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
      // No number: Snowflake had said where to, and the stage was out of reach.
      if (!(error instanceof SnowflakeError) || error.code !== noCode) throw error;
      throw new WarehouseUnavailableError(error.message, { cause: error });
    });
  // A PUT that failed is no error to the driver.
  if (rows[0]?.['status'] !== 'UPLOADED') {
    throw new WarehouseUnavailableError(`Snowflake: PUT of ${file} ended with ${rows[0]?.['status'] ?? 'no answer'}`);
  }
}

interface File {
  readonly name: string;
  /** Of the table's name. */
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
  // By the file's name, as COPY INTO takes no condition: lines of who had lost the turn are not ours.
  const { rowsChanged } = await session.execute({
    sql: `insert into bronze.${prefix}${table} (${columns.map(({ name }) => name).join(', ')})
          select ${selected.join(', ')} from bronze.load_lines
           where line:file::varchar = '${name}' and ${transactionGuard}`,
    batch,
  });
  mustHaveChanged('rows', rowsChanged, rows);
  await session.execute({ sql: 'delete from bronze.load_lines', batch });
}
