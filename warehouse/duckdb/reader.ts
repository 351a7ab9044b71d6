import type { DuckDBConnection } from '@duckdb/node-api';
import { plainRow } from '../plain-row.ts';
import type { WarehouseReader } from '../warehouse.ts';
import { type DuckDbFileOptions, openDuckDbFile } from './file.ts';
import { openSharedFile } from './shared-file.ts';

/** Reads a DuckDB file without writing to it. @throws the errors of `openDuckDbFile`. */
export async function openDuckDbReader(options: DuckDbFileOptions): Promise<WarehouseReader> {
  const file = await openDuckDbFile({ ...options, readOnly: true });
  return {
    query: (sql) => rowsOf(file.connection, sql),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

/** The same for a long time: other processes may have the file between two queries. */
export async function openSharedReader(options: DuckDbFileOptions): Promise<WarehouseReader> {
  const file = await openSharedFile({ ...options, readOnly: true });
  return {
    query: (sql) => file.use((connection) => rowsOf(connection, sql)),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

const rowsOf = async (connection: DuckDBConnection, sql: string) =>
  (await connection.runAndReadAll(sql)).getRowObjectsJS().map(plainRow);
