import { plainRow } from '../plain-row.ts';
import type { RunLogTables } from '../system.ts';
import { type DuckDbFileOptions, openDuckDbFile } from './file.ts';

/** @throws the errors of `openDuckDbFile`. */
export async function openDuckDbRunLog(options: DuckDbFileOptions): Promise<RunLogTables> {
  const { connection, [Symbol.asyncDispose]: close } = await openDuckDbFile(options);
  return {
    query: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJS().map(plainRow),
    write: async (statements) => {
      await connection.run('begin');
      try {
        for (const sql of statements) await connection.run(sql);
        await connection.run('commit');
      } catch (error) {
        await connection.run('rollback').catch(() => {});
        throw error;
      }
    },
    [Symbol.asyncDispose]: close,
  };
}
