import { DuckDBInstance } from '@duckdb/node-api';
import { vi } from 'vitest';

/** Runs statements with exclusive access to the file. @returns the last statement's rows. */
export async function runSql(path: string, sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(path);
  try {
    const connection = await instance.connect();
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJS();
    connection.closeSync();
    return rows;
  } finally {
    instance.closeSync();
  }
}

/** Keeps the file open, like a BI tool that does not use the queue, as soon as other processes have closed it. */
export const holdOpen = (path: string): Promise<DuckDBInstance> =>
  vi.waitFor(() => DuckDBInstance.create(path), { timeout: 20_000, interval: 20 });

/** If the partitions were loaded from their first offset on without holes, all four numbers are the same. */
export interface Contents {
  readonly rows: number;
  readonly offsets: number;
  /** According to the lines of the batches. */
  readonly inLedger: number;
  /** Sum of the partitions' next offsets. */
  readonly positions: number;
}

export async function contentsOf(path: string): Promise<Contents> {
  const [counts] = await runSql(
    path,
    `select count(*)::double as rows, count(distinct (kafka_partition, kafka_offset))::double as offsets,
            (select coalesce(sum(row_count), 0) from bronze.load_batches)::double as "inLedger",
            (select coalesce(sum(next_offset), 0) from bronze.load_positions)::double as positions
       from bronze.raw_movies`,
  );
  return counts as unknown as Contents;
}
