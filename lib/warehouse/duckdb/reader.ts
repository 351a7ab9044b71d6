import type { WarehouseReader } from '../warehouse.ts';
import { type DuckDbFileOptions, openDuckDbFile } from './file.ts';

/** Reads a DuckDB file without writing to it. @throws what `openDuckDbFile` throws. */
export async function openDuckDbReader(options: DuckDbFileOptions): Promise<WarehouseReader> {
  const file = await openDuckDbFile({ ...options, readOnly: true });
  return {
    query: async (sql) => (await file.connection.runAndReadAll(sql)).getRowObjectsJS().map(plain),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

const plain = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).map(([column, value]) => [column, plainValue(value)]));

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  return value instanceof Date ? value.toISOString() : value;
}
