import { plainRow } from '../plain-row.ts';
import type { RunLogTables } from '../system.ts';
import { SnowflakeClient } from './client.ts';
import type { SessionOptions } from './session.ts';

/** @throws the errors of `openSnowflakeSession`, on the first call. */
export function openSnowflakeRunLog(options: SessionOptions): RunLogTables {
  const client = new SnowflakeClient(options);
  return {
    query: async (sql) => (await client.use((session) => session.execute({ sql }))).rows.map(plainRow),
    // If the transaction is lost, the run counts as interrupted.
    write: (statements) =>
      client.transaction(
        async (session) => {
          for (const sql of statements) await session.execute({ sql });
        },
        async () => true,
      ),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
