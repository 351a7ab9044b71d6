import { plainRow } from '../plain-row.ts';
import type { WarehouseReader } from '../warehouse.ts';
import { SnowflakeClient } from './client.ts';
import type { SessionOptions } from './session.ts';

/** Reads Snowflake. @throws the errors of `openSnowflakeSession`, on the first query. */
export function openSnowflakeReader(options: SessionOptions): WarehouseReader {
  const client = new SnowflakeClient(options);
  return {
    query: async (sql) => (await client.use((session) => session.execute({ sql }))).rows.map(plainRow),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
