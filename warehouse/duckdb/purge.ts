import type { DuckDBConnection } from '@duckdb/node-api';
import { type ExpiredAnswers, expiredDocument, type Purge } from '../expiry.ts';
import { timestampText } from '../numbered-batch.ts';
import { rebuildPrefix } from '../rebuild-sql.ts';
import { type RawTable, rawTables } from '../warehouse.ts';
import { type DuckDbFileOptions, openDuckDbFile } from './file.ts';
import { lastLoadSeq } from './ledger.ts';
import { recordCutoff } from './purged-before.ts';
import { rewriteFile } from './rewrite-file.ts';
import { inTransaction } from './transaction.ts';
import { bronzeSql, tablesOfBronze } from './warehouse.ts';

/** Rows whose documents one transaction replaces: as many as a large micro-batch has. */
const rowsAtOnce = 20_000;
/** Bytes of the documents of these batches: DuckDB keeps them in memory. One batch may have more. */
const bytesAtOnce = 64e6;

/** An answer cannot be younger than its row: this also finds answers whose time is wrong and in the future. */
const isExpired = (before: Date): string => {
  const limit = `timestamp '${timestampText(before)}'`;
  return `(raw.fetched_at < ${limit} or raw.ingested_at < ${limit}) and raw.raw_data::varchar <> '${expiredDocument}'`;
};

/** Its calls throw the errors of `openDuckDbFile`. */
export async function openDuckDbPurge(options: DuckDbFileOptions): Promise<Purge> {
  const use = async <T>(call: (connection: DuckDBConnection) => Promise<T>, readOnly = false): Promise<T> => {
    await using file = await openDuckDbFile({ ...options, readOnly });
    return await call(file.connection);
  };
  return {
    expired: (before) => use((connection) => expiredAnswers(connection, before), true),
    blankNext: (before) =>
      use(async (connection) => {
        await connection.run(bronzeSql);
        const now = new Date(options.clock.now());
        const blanked = await inTransaction(connection, () => blankNext(connection, before, now));
        // crash point: purge.committed
        return blanked;
      }),
    // A transaction that was interrupted is in the log of the file, which the next process that opens it removes.
    removeLeftovers: async () => 0,
    now: async () => new Date(options.clock.now()),
    isUnfinished: () => use(isUnfinished, true),
    finish: (blankedBy) => rewriteFile(options, blankedBy),
  };
}

async function isUnfinished(connection: DuckDBConnection): Promise<boolean> {
  if (!(await tablesOfBronze(connection)).has('purges')) return false;
  const unfinished = await connection.runAndReadAll('select 1 from bronze.purges where finished_at is null limit 1');
  return unfinished.currentRowCount > 0;
}

async function expiredAnswers(connection: DuckDBConnection, before: Date): Promise<ExpiredAnswers> {
  const tables = await tablesOfBronze(connection);
  const counted = rawTables
    .flatMap((table) => [table, `${rebuildPrefix}${table}`])
    .filter((table) => tables.has(table))
    .map(
      (table) => `select count(*) as rows, count(distinct ${table.endsWith('movies') ? 'movie_id' : 'null'}) as movies,
        coalesce(sum(strlen(raw_data::varchar)), 0) as bytes from bronze.${table} as raw where ${isExpired(before)}`,
    );
  if (counted.length === 0) return { rows: 0, movies: 0, bytes: 0 };
  const sql = `select sum(rows), max(movies), sum(bytes) from (${counted.join(' union all ')})`;
  const [[rows, movies, bytes] = []] = (await connection.runAndReadAll(sql)).getRows();
  return { rows: Number(rows), movies: Number(movies), bytes: Number(bytes) };
}

/** Each row of a replaced document keeps its key, offset, times and status. @returns the number of replaced documents. */
async function blankNext(connection: DuckDBConnection, before: Date, now: Date): Promise<number> {
  const hasRebuild = (await tablesOfBronze(connection)).has(`${rebuildPrefix}load_batches`);
  let blanked = 0;
  for (const table of rawTables) {
    if (blanked === 0) blanked = await blankBatches(connection, table, { before, hasRebuild });
    // Nothing reads the rows of an unfinished rebuild by their number, so they keep it.
    if (blanked === 0 && hasRebuild) blanked = await blankRebuilt(connection, table, before);
  }
  if (blanked > 0) await recordCutoff(connection, { before, now, isFinished: false });
  // crash point: purge.before-commit
  return blanked;
}

interface Scope {
  readonly before: Date;
  /** A rebuild has numbered batches too; no two batches may have the same number. */
  readonly hasRebuild: boolean;
}

/** Replaces the documents of the next batches of a table. Their ledger lines then have the bytes of the remaining documents. */
async function blankBatches(
  connection: DuckDBConnection,
  table: RawTable,
  { before, hasRebuild }: Scope,
): Promise<number> {
  const lastSeq = await lastLoadSeq(connection, hasRebuild ? rebuildPrefix : '');
  await takeBatches(
    connection,
    table,
    { before, prefix: '' },
    `${lastSeq} + row_number() over (order by load_seq, batch_id)`,
  );
  const rowsChanged = await blankTaken(connection, `bronze.${table}`, before);
  if (rowsChanged === 0) return 0;
  // crash point: purge.blanked
  // mutant: purge.renumbered
  await connection.run(`update bronze.${table} as raw set load_seq = purged.new_seq from purged where ${isPurged}`);
  await correctLines(connection, table, '');
  // crash point: purge.renumbered
  return rowsChanged;
}

async function blankRebuilt(connection: DuckDBConnection, table: RawTable, before: Date): Promise<number> {
  const prefix = rebuildPrefix;
  await takeBatches(connection, table, { before, prefix }, 'load_seq');
  const rowsChanged = await blankTaken(connection, `bronze.${prefix}${table}`, before);
  if (rowsChanged > 0) await correctLines(connection, table, prefix);
  return rowsChanged;
}

const isPurged = 'raw.load_seq = purged.load_seq and raw.batch_id = purged.batch_id';

/** Puts the next batches with expired documents into the table `purged`: at least one, as long as they are not too many or too large. */
async function takeBatches(
  connection: DuckDBConnection,
  table: RawTable,
  { before, prefix }: { readonly before: Date; readonly prefix: string },
  newSeq: string,
): Promise<void> {
  await connection.run(`
    create or replace temp table purged as
    with expired as (
      select load_seq, batch_id, count(*) as row_count from bronze.${prefix}${table} as raw
       where ${isExpired(before)} group by all
    ),
    added as (
      select load_seq, batch_id, sum(expired.row_count) over batches - expired.row_count as rows_before,
             sum(coalesce(line.payload_bytes, 0)) over batches as bytes_so_far
        from expired left join bronze.${prefix}load_batches as line using (load_seq, batch_id)
      window batches as (order by load_seq, batch_id)
    )
    select load_seq, batch_id, ${newSeq} as new_seq from added
     where rows_before = 0 or (rows_before < ${rowsAtOnce} and bytes_so_far <= ${bytesAtOnce})`);
}

async function blankTaken(connection: DuckDBConnection, table: string, before: Date): Promise<number> {
  const { rowsChanged } = await connection.run(
    `update ${table} as raw set raw_data = '${expiredDocument}' from purged where ${isPurged} and ${isExpired(before)}`,
  );
  return rowsChanged;
}

async function correctLines(connection: DuckDBConnection, table: RawTable, prefix: string): Promise<void> {
  await connection.run(`
    update bronze.${prefix}load_batches as line set load_seq = counted.new_seq, payload_bytes = counted.bytes
      from (
        select purged.load_seq, purged.batch_id, purged.new_seq, sum(strlen(raw.raw_data::varchar)) as bytes
          from purged join bronze.${prefix}${table} as raw on raw.load_seq = purged.new_seq and raw.batch_id = purged.batch_id
         group by all
      ) as counted
     where line.load_seq = counted.load_seq and line.batch_id = counted.batch_id`);
}
