import { timestampText } from '../numbered-batch.ts';
import type { LoadLock } from './load-lock.ts';
import type { SnowflakeSession } from './session.ts';

/** A time limit, and whether documents from before it are already gone from SILVER and GOLD too. */
interface Cutoff {
  readonly before: Date;
  readonly isFinished: boolean;
}

/** Snowflake's clock, because the clocks of two clients may differ. */
const now = 'sysdate()';

/**
 * Records that documents of answers from before this time may be replaced, in the transaction that replaces them. A cutoff that is open
 * gets a new time, so that no build from before this transaction finishes it.
 */
export async function recordCutoff({ session, transactionGuard }: LoadLock, cutoff: Cutoff): Promise<void> {
  const before = timestampText(cutoff.before);
  const isCovered = `purged_before >= '${before}'::timestamp_ntz`;
  if (!cutoff.isFinished) {
    // mutant: snowflake.cutoff-again
    const { rowsChanged } = await session.execute({
      sql: `update bronze.purges set recorded_at = ${now} where finished_at is null and ${isCovered} and ${transactionGuard}`,
    });
    if (rowsChanged > 0) return;
  }
  const isKnown = cutoff.isFinished ? `exists (select 1 from bronze.purges where ${isCovered})` : 'false';
  await session.execute({
    sql: `insert into bronze.purges (purged_before, recorded_at, finished_at)
          select column1::timestamp_ntz, ${now}, ${cutoff.isFinished ? now : 'null'} from values (?)
           where ${transactionGuard} and not ${isKnown}`,
    binds: [before],
  });
}

/** Records that documents may have left BRONZE otherwise, in the transaction that removes them: the last cutoff is open again. */
export async function reopenCutoff({ session, transactionGuard }: LoadLock): Promise<void> {
  await session.execute({
    sql: `insert into bronze.purges (purged_before, recorded_at)
          select max(purged_before), ${now} from bronze.purges where ${transactionGuard} having count(*) > 0`,
  });
}

/** The time of Snowflake's clock, as it is recorded. */
export async function timeOf(session: SnowflakeSession): Promise<Date> {
  const { rows } = await session.execute({ sql: `select date_part(epoch_millisecond, ${now}) as ms` });
  return new Date(Number(rows[0]?.['ms']));
}

/** @param by cutoffs that were recorded by this time are finished. */
export async function finishCutoffs(session: SnowflakeSession, by: Date): Promise<void> {
  await session.execute({
    sql: `update bronze.purges set finished_at = ${now} where finished_at is null and recorded_at <= ?::timestamp_ntz`,
    binds: [timestampText(by)],
  });
}
