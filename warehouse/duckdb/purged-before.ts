import type { DuckDBConnection } from '@duckdb/node-api';
import { timestampText } from '../numbered-batch.ts';

/** A time limit, and whether documents from before it are already gone from all parts of the file. */
interface Cutoff {
  readonly before: Date;
  readonly now: Date;
  readonly isFinished: boolean;
}

/** Records that documents of answers from before this time may be replaced, in the transaction that replaces them. */
export async function recordCutoff(connection: DuckDBConnection, { before, now, isFinished }: Cutoff): Promise<void> {
  const isCovered = isFinished ? 'true' : 'finished_at is null';
  await connection.run(
    `insert into bronze.purges (purged_before, recorded_at, finished_at)
     select $1::timestamp, $2::timestamp, case when $3 then $2::timestamp end
      where not exists (select 1 from bronze.purges where purged_before >= $1::timestamp and ${isCovered})`,
    [timestampText(before), timestampText(now), isFinished],
  );
}
