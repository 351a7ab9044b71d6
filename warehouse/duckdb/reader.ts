import { plainRow } from '../plain-row.ts';
import type { WarehouseReader } from '../warehouse.ts';
import { type DuckDbFileOptions, openDuckDbFile } from './file.ts';

/** Reads a DuckDB file without writing to it. @throws the errors of `openDuckDbFile`. */
export async function openDuckDbReader(options: DuckDbFileOptions): Promise<WarehouseReader> {
  const file = await openDuckDbFile({ ...options, readOnly: true });
  return {
    query: async (sql) => (await file.connection.runAndReadAll(sql)).getRowObjectsJS().map(plainRow),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}
