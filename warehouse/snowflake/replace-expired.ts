import type { Bind } from 'snowflake-sdk';
import { expiredDocument } from '../expiry.ts';
import { rebuildPrefix } from '../rebuild-sql.ts';
import type { SnowflakeClient } from './client.ts';
import { type ExpiredPart, isExpired, tablesOfBronze } from './expired-batches.ts';
import { lastLoadSeq } from './ledger.ts';
import { type LoadLock, mustHaveChanged, takeLoadLock } from './load-lock.ts';
import { recordCutoff } from './purged-before.ts';
import type { SnowflakeSession } from './session.ts';

/**
 * Replaces the expired documents of these batches in one transaction. With the load lock, it reads and changes only these batches, so a
 * loader waits for the work on them only. @param signal if it aborts, nothing is committed.
 * @returns the number of replaced documents; 0 if another process has changed the batches since the search.
 */
export function replaceExpired(
  client: SnowflakeClient,
  part: ExpiredPart,
  before: Date,
  signal: AbortSignal,
): Promise<number> {
  const documents = part.batches.reduce((sum, one) => sum + one.documents, 0);
  let isChanged = false;
  const replace = async (session: SnowflakeSession) => {
    const lock = await takeLoadLock(session);
    // crash point: snowflake.purge-locked
    const tables = await tablesOfBronze(session);
    // A rebuild that has ended since has no tables.
    const isThere = tables.has(`${part.place.prefix}${part.place.table}`);
    isChanged = !isThere || (await expiredIn(session, part, before)) !== documents; // mutant: snowflake.purge-changed
    if (isChanged) return 0;
    await replaceDocuments(lock, part, before, tables);
    await recordCutoff(lock, { before, isFinished: false });
    // crash point: snowflake.purged
    // Without the transform lease, a build may have read the old numbers already.
    signal.throwIfAborted(); // mutant: snowflake.purge-lease
    return documents;
  };
  return client.transaction(replace, async (session) => isChanged || (await expiredIn(session, part, before)) === 0);
}

/** The number of expired documents in the batches that still have these numbers. */
const expiredIn = (session: SnowflakeSession, part: ExpiredPart, before: Date): Promise<number> =>
  countIn(session, part, { table: part.place.table, condition: isExpired(before) });

/** The number of rows `raw` of a table that belong to the batches. */
async function countIn(
  session: SnowflakeSession,
  { place, batches }: ExpiredPart,
  { table, condition }: { readonly table: string; readonly condition: string },
): Promise<number> {
  const { rows } = await session.execute({
    sql: `
      select count(*) as found
        from bronze.${place.prefix}${table} as raw
        join (select column1::number as load_seq, column2 as batch_id from values ${batches.map(() => '(?, ?)').join(', ')}) as batch
          on raw.load_seq = batch.load_seq and raw.batch_id = batch.batch_id
       where ${condition}`,
    binds: batches.flatMap(({ loadSeq, batchId }) => [loadSeq.toString(), batchId]),
  });
  return Number(rows[0]?.['found']);
}

/** Batches of BRONZE get new numbers, so that dbt reads them again. Batches of an unfinished rebuild keep theirs: nothing reads them by number. */
async function replaceDocuments(
  { session, transactionGuard }: LoadLock,
  part: ExpiredPart,
  before: Date,
  tables: ReadonlySet<string>,
): Promise<void> {
  const { table, prefix } = part.place;
  // The batches of an unfinished rebuild have numbers too; no two batches may have the same one.
  const lastSeq = await lastLoadSeq(session, tables.has(`${rebuildPrefix}load_batches`) ? rebuildPrefix : '');
  // A row whose batch has no line in the ledger also loses its document: only an audit reports it.
  const lines = await countIn(session, part, { table: 'load_batches', condition: 'true' }); // mutant: snowflake.purge-lines
  const newSeq = (loadSeq: bigint, index: number) => (prefix === '' ? lastSeq + BigInt(index + 1) : loadSeq); // mutant: snowflake.purge-renumbered
  const binds: Bind[] = part.batches.flatMap(({ loadSeq, batchId, documents }, index) => [
    ...[loadSeq.toString(), batchId, newSeq(loadSeq, index).toString(), documents],
  ]);
  const moved = `
    select column1::number as old_seq, column2 as batch_id, column3::number as new_seq, column4::number as documents
      from values ${part.batches.map(() => '(?, ?, ?, ?)').join(', ')} where ${transactionGuard}`;
  await session.execute({
    sql: `merge into bronze.${prefix}${table} as raw using (${moved}) as moved
            on raw.load_seq = moved.old_seq and raw.batch_id = moved.batch_id
          when matched then update set
            load_seq = moved.new_seq,
            raw_data = case when ${isExpired(before)} then parse_json('${expiredDocument}') else raw.raw_data end`,
    binds,
  });
  // crash point: snowflake.purge-blanked
  // An estimate, because a VARIANT does not keep the text of its document: each document that stays counts with the batch's average.
  const { rowsChanged } = await session.execute({
    sql: `merge into bronze.${prefix}load_batches as line using (${moved}) as moved
            on line.load_seq = moved.old_seq and line.batch_id = moved.batch_id
          when matched then update set
            load_seq = moved.new_seq,
            payload_bytes = round(line.payload_bytes * (line.row_count - moved.documents) / greatest(line.row_count, 1))
                            + moved.documents * ${expiredDocument.length}`,
    binds,
  });
  mustHaveChanged('ledger lines', rowsChanged, lines);
  // crash point: snowflake.purge-renumbered
}
