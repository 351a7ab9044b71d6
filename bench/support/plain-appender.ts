import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance, DuckDBTimestampValue } from '@duckdb/node-api';

/** The values that differ from row to row. */
export interface PlainRow {
  readonly movieId: bigint;
  readonly document: string;
  readonly sourceUrl: string;
  readonly kafkaOffset: bigint;
  readonly httpStatus: number;
}

const tables = readFileSync(join(import.meta.dirname, '../../warehouse/duckdb/bronze.sql'), 'utf8');

/**
 * The yardstick: DuckDB's own appender writes rows from memory into the same table of a file with the
 * same settings, and commits every `batchRows` rows. No Kafka, no decoding, no ledger, no validation.
 * @returns seconds, without opening and closing the file.
 */
export async function appendPlainly(path: string, rows: readonly PlainRow[], batchRows: number): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("set wal_autocheckpoint = '256MB'; set memory_limit = '2GB'");
  await connection.run(`attach '${path}' as plain (row_group_size 10240); use plain`);
  await connection.run(tables);
  const now = new DuckDBTimestampValue(BigInt(Date.now()) * 1_000n);
  const started = performance.now();
  for (let from = 0; from < rows.length; from += batchRows) {
    await connection.run('begin');
    const appender = await connection.createAppender('raw_movies', 'bronze', 'plain');
    for (const row of rows.slice(from, from + batchRows)) {
      appender.appendBigInt(row.movieId);
      appender.appendVarchar(row.document);
      appender.appendVarchar(row.sourceUrl);
      appender.appendTimestamp(now);
      appender.appendVarchar('batch');
      appender.appendBigInt(1n);
      appender.appendInteger(0);
      appender.appendBigInt(row.kafkaOffset);
      appender.appendInteger(row.httpStatus);
      appender.appendTimestamp(now);
      for (let column = 0; column < 3; column += 1) appender.appendNull();
      appender.endRow();
    }
    appender.closeSync();
    await connection.run('commit');
  }
  const seconds = (performance.now() - started) / 1_000;
  await connection.run('use memory; detach plain');
  connection.closeSync();
  instance.closeSync();
  return seconds;
}
