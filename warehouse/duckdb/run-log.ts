import { plainRow } from '../plain-row.ts';
import type { RunLogTables } from '../system.ts';
import { type DuckDbFileOptions, openDuckDbFile } from './file.ts';
import { inTransaction } from './transaction.ts';

/** @throws the errors of `openDuckDbFile`. */
export async function openDuckDbRunLog(options: DuckDbFileOptions): Promise<RunLogTables> {
  const { connection, [Symbol.asyncDispose]: close } = await openDuckDbFile(options);
  return {
    query: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJS().map(plainRow),
    write: (statements) =>
      inTransaction(connection, async () => {
        for (const sql of statements) await connection.run(sql);
      }),
    [Symbol.asyncDispose]: close,
  };
}
