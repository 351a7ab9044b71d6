import { plainRow } from '../plain-row.ts';
import type { WarehouseReader } from '../warehouse.ts';
import { SnowflakeClient } from './client.ts';
import type { SessionOptions } from './session.ts';

/** Reads Snowflake. @throws what `openSnowflakeSession` throws, at the first question. */
export function openSnowflakeReader(options: SessionOptions): WarehouseReader {
  const client = new SnowflakeClient(options);
  return {
    query: async (sql) => (await client.use((session) => session.execute({ sql }))).rows.map(plainRow),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
