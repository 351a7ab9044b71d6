import type { DuckDBConnection } from '@duckdb/node-api';
import { timestampText } from '../numbered-batch.ts';

/** A time limit, and whether documents from before it are already gone from all parts of the file. */
interface Cutoff {
  readonly before: Date;
  readonly now: Date;
  readonly isFinished: boolean;
}

/**
 * Records that documents of answers from before this time may be replaced, in the transaction that replaces them. A cutoff that is open
 * gets a new time, so that no build from before this transaction finishes it.
 */
export async function recordCutoff(connection: DuckDBConnection, { before, now, isFinished }: Cutoff): Promise<void> {
  const values = [timestampText(before), timestampText(now)];
  if (!isFinished) {
    // mutant: purge.cutoff-again
    const { rowsChanged } = await connection.run(
      `update bronze.purges set recorded_at = $2::timestamp where finished_at is null and purged_before >= $1::timestamp`,
      values,
    );
    if (rowsChanged > 0) return;
  }
  await connection.run(
    `insert into bronze.purges (purged_before, recorded_at, finished_at)
     select $1::timestamp, $2::timestamp, case when $3 then $2::timestamp end
      where not $3 or not exists (select 1 from bronze.purges where purged_before >= $1::timestamp)`,
    [...values, isFinished],
  );
}

/** Records that documents may have left BRONZE otherwise, in the transaction that removes them: the last cutoff is open again. */
export async function reopenCutoff(connection: DuckDBConnection, now: Date): Promise<void> {
  await connection.run(
    `insert into bronze.purges (purged_before, recorded_at)
     select max(purged_before), $1::timestamp from bronze.purges having count(*) > 0`,
    [timestampText(now)],
  );
}
