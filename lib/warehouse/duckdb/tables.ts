import type { DuckDBConnection } from '@duckdb/node-api';
import { IngestError } from '../../errors.ts';

/** BRONZE is not as the loader left it. A person has to put it back, or to start with a new file. */
class TablesMissingError extends IngestError {
  readonly retriable = false;
}

/** They were made together, and only together they say what is in BRONZE and what is not. */
const together = ['raw_movies', 'raw_genres', 'load_positions', 'load_batches'];

/**
 * To be called before missing tables are made: beside tables that hold something, an empty new one would be a lie. Without
 * positions everything would be loaded once more, without rows nothing of what is missing ever again.
 * @throws TablesMissingError when some of BRONZE's tables are there and others are not.
 */
export async function refuseHalfOfBronze(connection: DuckDBConnection): Promise<void> {
  const sql = `select table_name from duckdb_tables() where database_name = current_database() and schema_name = 'bronze'`;
  const there = new Set((await connection.runAndReadAll(sql)).getRows().map(([name]) => name));
  const missing = together.filter((table) => !there.has(table));
  if (missing.length === 0 || missing.length === together.length) return;
  throw new TablesMissingError(
    `BRONZE has no ${missing.join(' and no ')} any more, while its other tables are there: nothing was written. Give it back its name, ` +
      'restore the file, or load into a new one (DUCKDB_PATH), which is filled from Kafka',
  );
}
