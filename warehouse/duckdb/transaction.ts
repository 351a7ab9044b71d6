import type { DuckDBConnection } from '@duckdb/node-api';

/** Runs `call` within a transaction: all of its changes, or none. @throws what it throws, and the errors of the commit. */
export async function inTransaction<T>(connection: DuckDBConnection, call: () => Promise<T>): Promise<T> {
  await connection.run('begin');
  try {
    const result = await call();
    await connection.run('commit');
    return result;
  } catch (error) {
    // A failed commit has already rolled back; the first error is the informative one.
    await connection.run('rollback').catch(() => {}); // mutant: warehouse.rollback
    throw error;
  }
}
