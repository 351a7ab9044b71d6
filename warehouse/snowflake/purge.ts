import type { Bind } from 'snowflake-sdk';
import { type ExpiredAnswers, expiredDocument, type Purge } from '../expiry.ts';
import { timestampText } from '../numbered-batch.ts';
import { rebuildPrefix } from '../rebuild-sql.ts';
import { type RawTable, rawTables } from '../warehouse.ts';
import { SnowflakeClient } from './client.ts';
import { lastLoadSeq } from './ledger.ts';
import { type LoadLock, mustHaveChanged, takeLoadLock, untilUnlocked } from './load-lock.ts';
import type { SessionOptions, SnowflakeSession } from './session.ts';
import { takeTransformLease } from './transform-lease.ts';
import { statementsOf } from './warehouse.ts';

/** Limits of one transaction, for which a loader may wait: documents replaced, and batches renumbered. A single batch may have more documents. */
const [documentsAtOnce, batchesAtOnce] = [20_000, 500];

/**
 * An answer cannot be younger than its row: this also finds answers whose time is wrong and in the future. It reads one key of each
 * document, as `is_expired` of dbt does: to compare the whole document, Snowflake would read and serialize all old ones.
 */
const isExpired = (before: Date): string => {
  const limit = `'${timestampText(before)}'::timestamp_ntz`;
  const isReplaced = `coalesce(raw.raw_data:tmdb_stream_expired::varchar = 'true', false)`;
  return `(raw.fetched_at < ${limit} or raw.ingested_at < ${limit}) and not ${isReplaced}`;
};

/** A raw table of BRONZE, or of an unfinished rebuild. */
interface Place {
  readonly table: RawTable;
  readonly prefix: string;
}

/** A batch with expired documents. */
interface ExpiredBatch {
  readonly loadSeq: bigint;
  readonly batchId: string;
  readonly documents: number;
}

export interface SnowflakePurgeOptions extends SessionOptions {
  /** Documents that one transaction replaces, unless a single batch has more. @default 20000 */
  readonly documentsAtOnce?: number;
  /** Ends the wait for dbt. */
  readonly signal?: AbortSignal;
}

/**
 * Each call has a session of its own. The role must be able to update BRONZE: dbt's role or the engineers' role. A purge replaces nothing while dbt runs.
 * Snowflake keeps replaced documents in Time Travel and Fail-safe. @throws the errors of `openSnowflakeSession`, as do all its calls.
 */
export function openSnowflakePurge(options: SnowflakePurgeOptions): Purge {
  const use = async <T>(call: (client: SnowflakeClient) => Promise<T>): Promise<T> => {
    await using client = new SnowflakeClient(options);
    return await call(client);
  };
  return {
    expired: (before) => use((client) => client.use((session) => expiredAnswers(session, before))),
    blankNext: async (before) => {
      // The models of one build must not read different numbers and documents.
      await using _ = await takeTransformLease({ ...options, waitMs: options.settings.timeoutMs });
      return await use((client) => blankNext(client, options, before));
    },
    isUnfinished: () => use((client) => client.use(isUnfinished)),
    // There is no file to rewrite: SILVER and GOLD have been built without the documents.
    finish: async (blankedBy) => {
      const binds = [new Date(options.clock.now()), blankedBy].map(timestampText);
      const sql = 'update bronze.purges set finished_at = ? where finished_at is null and recorded_at <= ?';
      await use((client) => client.use((session) => session.execute({ sql, binds })));
      return [];
    },
  };
}

/** The names of the tables in BRONZE, in lower case. */
async function tablesOfBronze(session: SnowflakeSession): Promise<ReadonlySet<string>> {
  const { rows } = await session.execute({
    sql: `select lower(table_name) as name from information_schema.tables where lower(table_schema) = 'bronze'`,
  });
  return new Set(rows.map(({ name }) => String(name)));
}

/** BRONZE first. A rebuild that was killed while it created or dropped its tables has no rows. */
const placesOf = (tables: ReadonlySet<string>): Place[] =>
  ['', rebuildPrefix]
    .filter((prefix) => tables.has(`${prefix}load_batches`))
    .flatMap((prefix) => rawTables.map((table) => ({ table, prefix })))
    .filter(({ table, prefix }) => tables.has(`${prefix}${table}`));

async function isUnfinished(session: SnowflakeSession): Promise<boolean> {
  if (!(await tablesOfBronze(session)).has('purges')) return false;
  const { rows } = await session.execute({
    sql: 'select 1 as one from bronze.purges where finished_at is null limit 1',
  });
  return rows.length > 0;
}

async function expiredAnswers(session: SnowflakeSession, before: Date): Promise<ExpiredAnswers> {
  const total = { rows: 0, movies: 0, bytes: 0 };
  for (const { table, prefix } of placesOf(await tablesOfBronze(session))) {
    const movies = table === 'raw_movies' ? 'count(distinct raw.movie_id)' : '0';
    const { rows } = await session.execute({
      sql: `select count(*) as documents, ${movies} as movies, coalesce(sum(length(to_json(raw.raw_data))), 0) as bytes
              from bronze.${prefix}${table} as raw where ${isExpired(before)}`,
    });
    total.rows += Number(rows[0]?.['documents']);
    total.movies = Math.max(total.movies, Number(rows[0]?.['movies']));
    total.bytes += Number(rows[0]?.['bytes']);
  }
  return total;
}

/**
 * Finds the next batches before it takes the load lock, because this reads all old rows. With the lock, it reads and changes only these
 * batches, so a loader waits for the work on them only.
 */
async function blankNext(client: SnowflakeClient, options: SnowflakePurgeOptions, before: Date): Promise<number> {
  const tables = await client.use(tablesOfBronze);
  if (!tables.has('purges')) await client.use(createPurges);
  for (const place of placesOf(tables)) {
    for (;;) {
      const batches = await client.use((session) => nextBatches(session, place, before, options.documentsAtOnce));
      if (batches.length === 0) break;
      const blank = () => blankBatches(client, place, before, { batches, now: new Date(options.clock.now()) });
      const blanked = await untilUnlocked(options.clock, blank);
      // Otherwise another process has changed these batches since.
      if (blanked > 0) return blanked;
    }
  }
  return 0;
}

/** For an account where `warehouse provision` has not run since the update. Not in a transaction, because DDL would commit it. */
async function createPurges(session: SnowflakeSession): Promise<void> {
  const sql = statementsOf('').find(({ name }) => name === 'purges')?.sql ?? '';
  await session.execute({ sql });
}

/** The first batches with expired documents, up to `limit` documents in total. If there are any, at least one batch, whatever its size. */
async function nextBatches(
  session: SnowflakeSession,
  { table, prefix }: Place,
  before: Date,
  limit = documentsAtOnce,
): Promise<ExpiredBatch[]> {
  const { rows } = await session.execute({
    sql: `select raw.load_seq, raw.batch_id, count(*) as documents from bronze.${prefix}${table} as raw
           where ${isExpired(before)} group by raw.load_seq, raw.batch_id
           order by raw.load_seq, raw.batch_id limit ${batchesAtOnce}`,
  });
  const batches: ExpiredBatch[] = [];
  let sum = 0;
  for (const row of rows) {
    const documents = Number(row['documents']);
    if (batches.length > 0 && sum + documents > limit) break;
    batches.push({ loadSeq: BigInt(String(row['load_seq'])), batchId: String(row['batch_id']), documents });
    sum += documents;
  }
  return batches;
}

interface Work {
  readonly batches: readonly ExpiredBatch[];
  readonly now: Date;
}

/** @returns the number of replaced documents; 0 if another process has changed the batches since the search. */
function blankBatches(client: SnowflakeClient, place: Place, before: Date, { batches, now }: Work): Promise<number> {
  const documents = batches.reduce((sum, one) => sum + one.documents, 0);
  let isChanged = false;
  const blank = async (session: SnowflakeSession) => {
    const lock = await takeLoadLock(session);
    isChanged = (await expiredIn(session, place, before, batches)) !== documents;
    if (isChanged) return 0;
    await replaceDocuments(lock, place, before, batches);
    await recordCutoff(lock, before, now);
    // crash point: snowflake.purged
    return documents;
  };
  return client.transaction(
    blank,
    async (session) => isChanged || (await expiredIn(session, place, before, batches)) === 0,
  );
}

/** The number of expired documents in the batches that still have these numbers. */
async function expiredIn(
  session: SnowflakeSession,
  { table, prefix }: Place,
  before: Date,
  batches: readonly ExpiredBatch[],
): Promise<number> {
  const { rows } = await session.execute({
    sql: `
      select count(*) as documents
        from bronze.${prefix}${table} as raw
        join (select column1::number as load_seq, column2 as batch_id from values ${batches.map(() => '(?, ?)').join(', ')}) as batch
          on raw.load_seq = batch.load_seq and raw.batch_id = batch.batch_id
       where ${isExpired(before)}`,
    binds: batches.flatMap(({ loadSeq, batchId }) => [loadSeq.toString(), batchId]),
  });
  return Number(rows[0]?.['documents']);
}

/** Batches of BRONZE get new numbers, so that dbt reads them again. Batches of an unfinished rebuild keep theirs: nothing reads them by number. */
async function replaceDocuments(
  { session, transactionGuard }: LoadLock,
  { table, prefix }: Place,
  before: Date,
  batches: readonly ExpiredBatch[],
): Promise<void> {
  const lastSeq = await lastSeqOfAll(session);
  const newSeq = (loadSeq: bigint, index: number) => (prefix === '' ? lastSeq + BigInt(index + 1) : loadSeq);
  const binds: Bind[] = batches.flatMap(({ loadSeq, batchId, documents }, index) => [
    ...[loadSeq.toString(), batchId, newSeq(loadSeq, index).toString(), documents],
  ]);
  const moved = `
    select column1::number as old_seq, column2 as batch_id, column3::number as new_seq, column4::number as documents
      from values ${batches.map(() => '(?, ?, ?, ?)').join(', ')} where ${transactionGuard}`;
  await session.execute({
    sql: `merge into bronze.${prefix}${table} as raw using (${moved}) as moved
            on raw.load_seq = moved.old_seq and raw.batch_id = moved.batch_id
          when matched then update set
            load_seq = moved.new_seq,
            raw_data = case when ${isExpired(before)} then parse_json('${expiredDocument}') else raw.raw_data end`,
    binds,
  });
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
  mustHaveChanged('ledger lines', rowsChanged, batches.length);
}

/** The batches of an unfinished rebuild have numbers too; no two batches may have the same one. */
async function lastSeqOfAll(session: SnowflakeSession): Promise<bigint> {
  const hasRebuild = (await tablesOfBronze(session)).has(`${rebuildPrefix}load_batches`);
  return lastLoadSeq(session, hasRebuild ? rebuildPrefix : '');
}

/** Records that documents of answers from before this time may be replaced. */
async function recordCutoff({ session, transactionGuard }: LoadLock, before: Date, now: Date): Promise<void> {
  await session.execute({
    sql: `insert into bronze.purges (purged_before, recorded_at)
          select column1::timestamp_ntz, column2::timestamp_ntz from values (?, ?)
           where ${transactionGuard} and not exists (
             select 1 from bronze.purges where finished_at is null and purged_before >= '${timestampText(before)}'::timestamp_ntz
           )`,
    binds: [timestampText(before), timestampText(now)],
  });
}
