import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import { IngestError, PreconditionError } from '../../runtime/errors.ts';
import { leftoverMs, removeOldFolders } from '../../runtime/temporary-folder.ts';
import { assertSchemaComplete } from '../assert-schema-complete.ts';
import { type BronzeColumn, columnsIn, columnsToAdd, refuseOtherColumns } from '../bronze-columns.ts';
import { isStrictJson } from '../document.ts';
import { withoutExpired } from '../expiry.ts';
import type { Ledger } from '../ledger.ts';
import { type NumberedBatch, payloadBytes, rowsIn } from '../numbered-batch.ts';
import { rebuildPrefix } from '../rebuild-sql.ts';
import { type RowAddress, refuseRows, rowsWhere } from '../row-address.ts';
import { withoutRepeated } from '../sent-back.ts';
import { type Batch, rawTables, type TopicId, type Warehouse } from '../warehouse.ts';
import { SnowflakeClient } from './client.ts';
import { copyRows } from './copy-rows.ts';
import { insertRows } from './insert-rows.ts';
import { areTaken, LoadLedger } from './ledger.ts';
import { type LoadLock, takeLoadLock } from './load-lock.ts';
import { recordCutoff } from './purged-before.ts';
import { isAboutValues, refusedRows } from './refused-rows.ts';
import type { SessionOptions, SnowflakeSession } from './session.ts';

const bronzeSql = readFileSync(join(import.meta.dirname, 'bronze.sql'), 'utf8');

/** From this number of rows on, a file is as fast as binds, measured with the emulator: see docs/benchmarks.md. */
const defaultCopyFrom = 12_000;

export interface SnowflakeWarehouseOptions extends Omit<SessionOptions, 'warehouse'> {
  /** From this number of rows of one table in one flush on, rows go through a file. */
  readonly copyFrom?: number;
  /** How long (ms) the documents of answers are kept. @default for ever, for tests */
  readonly retentionMs?: number;
}

/** BRONZE in Snowflake. @throws the errors of `openSnowflakeSession`, as do all calls of the warehouse. */
export async function openSnowflakeWarehouse(options: SnowflakeWarehouseOptions): Promise<Warehouse> {
  return new SnowflakeWarehouse(options, new LoadLedger());
}

/** Loads into BRONZE, or into the tables of its ledger. */
export class SnowflakeWarehouse implements Warehouse {
  protected readonly client: SnowflakeClient;
  protected readonly clock: Clock;
  readonly #copyFrom: number;
  readonly #retentionMs: number;
  readonly #ledger: Ledger<SnowflakeSession, LoadLock>;
  /** When to look for folders of killed loaders: a purge may run in another container. */
  #cleanAt = 0;

  constructor(
    { copyFrom = defaultCopyFrom, retentionMs = Number.POSITIVE_INFINITY, ...session }: SnowflakeWarehouseOptions,
    ledger: Ledger<SnowflakeSession, LoadLock>,
  ) {
    this.client = new SnowflakeClient(session);
    this.clock = session.clock;
    this.#copyFrom = copyFrom;
    this.#retentionMs = retentionMs;
    this.#ledger = ledger;
  }

  migrate(): Promise<void> {
    return this.client.use((session) => migrateBronze(session));
  }

  positions(topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
    return this.client.use((session) => this.#ledger.positions(session, topic));
  }

  async append(given: readonly Batch[]): Promise<number> {
    const now = this.clock.now();
    const before = new Date(Math.max(0, now - this.#retentionMs)); // mutant: snowflake.expired
    const { batches, expired } = withoutExpired(given, before);
    refuseRows(rowsWhere(batches, ({ body }) => !isStrictJson(body))); // mutant: snowflake.strict-documents
    const ingestedAt = new Date(now);
    const load = async (session: SnowflakeSession) => {
      const lock = await takeLoadLock(session); // mutant: snowflake.load-lock
      // crash point: snowflake.lock-taken
      const wanted = await withoutRepeated(batches, queryOf(session), { prefix: this.#ledger.prefix });
      const numbered = await this.#ledger.advance(lock, wanted, ingestedAt);
      // crash point: snowflake.position-moved
      await this.#writeRows(lock, numbered); // mutant: snowflake.rows
      // These documents were never stored, so nothing is left to remove.
      if (expired > 0) await recordCutoff(lock, { before, isFinished: true });
      // crash point: snowflake.rows-written
      return rowsIn(numbered);
    };
    try {
      return await this.client.transaction(load, (session) => areTaken(session, this.#ledger, batches));
    } catch (error) {
      if (isAboutValues(error)) refuseRows(await this.#refusedRows(batches, ingestedAt));
      throw error;
    } finally {
      // After the transaction: a wait before it would let a later call overtake this one.
      await this.#removeOldFolders(now);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client[Symbol.asyncDispose]();
  }

  async #removeOldFolders(now: number): Promise<void> {
    if (now < this.#cleanAt) return;
    this.#cleanAt = now + leftoverMs;
    await removeOldFolders(this.clock);
  }

  async #writeRows(lock: LoadLock, batches: readonly NumberedBatch[]): Promise<void> {
    for (const table of rawTables) {
      const ofTable = batches.filter(({ batch }) => batch.table === table && batch.rows.length > 0);
      if (ofTable.length === 0) continue;
      await this.#writerOf(ofTable)(lock, table, ofTable, this.#ledger.prefix);
    }
  }

  #writerOf(batches: readonly NumberedBatch[]): typeof copyRows {
    const bytes = batches.reduce((sum, { batch }) => sum + payloadBytes(batch), 0);
    return rowsIn(batches) >= this.#copyFrom || bytes >= this.#copyFrom * usualBytes ? copyRows : insertRows;
  }

  /** Found with the same method by which the rows were written. */
  #refusedRows(batches: readonly Batch[], ingestedAt: Date): Promise<RowAddress[]> {
    const numbered = batches.map((batch) => ({ batch, id: 'dry-run', loadSeq: 0n, ingestedAt }));
    const writers = Map.groupBy(numbered, ({ batch }) => batch.table);
    return refusedRows(numbered, (one) =>
      this.client.simulate(async (session) => {
        const { table } = one.batch;
        const write = this.#writerOf(writers.get(table) ?? []);
        await write(await takeLoadLock(session), table, [one], this.#ledger.prefix);
      }),
    );
  }
}

/** Queries of a session, within its transaction. */
export const queryOf = (session: SnowflakeSession) => async (sql: string) => (await session.execute({ sql })).rows;

/** The work of a document: a few large documents take as long as many small ones. */
const usualBytes = 3_500;

/** Snowflake's canonical name of a type with several names. */
const typeNames: Readonly<Record<string, string>> = { varchar: 'text' };

const expectedColumns: readonly BronzeColumn[] = columnsIn(bronzeSql).map((column) => ({
  ...column,
  type: typeNames[column.type] ?? column.type,
}));

/**
 * Creates missing tables. A user who may only load finds all of them and creates nothing.
 * @throws PreconditionError if the columns of a table are not those that the loader writes.
 */
export async function migrateBronze(session: SnowflakeSession, prefix = ''): Promise<void> {
  const columns = await columnsOfBronze(session);
  const there = new Set(columns.map(({ table }) => table));
  assertSchemaComplete(
    there,
    'Restore it (UNDROP TABLE), or drop the others: the loader then fills BRONZE again with the records that Kafka still has',
  );
  refuseOtherColumns(expectedColumns, [...columns, ...columnsToAdd(expectedColumns, columns)]);
  await addColumns(session, columns);
  // The list has no stages: the stage for the files is created just before the table into which they are copied.
  const isThere = (name: string) => there.has(name === 'load_files' ? 'load_lines' : name);
  for (const { sql, name } of statementsOf(prefix)) if (!isThere(name)) await session.execute({ sql });
  await session.execute({
    sql: 'insert into bronze.load_lock (taken_at) select sysdate() where not exists (select 1 from bronze.load_lock)',
  });
}

async function columnsOfBronze(session: SnowflakeSession): Promise<BronzeColumn[]> {
  const { rows } = await session.execute({
    sql: `select lower(table_name) as "table", lower(column_name) as name, lower(data_type) as type
      from information_schema.columns where lower(table_schema) = 'bronze' order by table_name, ordinal_position`,
  });
  return rows.map(({ table, name, type }) => ({ table: String(table), name: String(name), type: String(type) }));
}

/**
 * Adds the columns of this version to tables of an older one, also to a rebuild that is left unfinished.
 * @throws PreconditionError with the statements if the user does not own the tables.
 */
async function addColumns(session: SnowflakeSession, actual: readonly BronzeColumn[]): Promise<void> {
  const ofRebuild = expectedColumns.map((column) => ({ ...column, table: `${rebuildPrefix}${column.table}` }));
  const statements = [...columnsToAdd(expectedColumns, actual), ...columnsToAdd(ofRebuild, actual)].map(
    ({ table, name, type }) => `alter table bronze.${table} add column if not exists ${name} ${type}`,
  );
  try {
    for (const sql of statements) await session.execute({ sql });
  } catch (error) {
    if (!(error instanceof IngestError) || error.retriable) throw error;
    throw new PreconditionError(
      `BRONZE is of an older version, and this user may not change it (${error.message}); nothing was written. ` +
        `As the owner of the tables, run:\n  ${statements.join(';\n  ')};`,
    );
  }
}

/** The statements of `bronze.sql`. @param prefix for the tables that a rebuild has. */
export function statementsOf(prefix: string): { readonly sql: string; readonly name: string }[] {
  const statements = bronzeSql
    .replaceAll(/^--.*$/gm, '')
    .replaceAll(/\bbronze\.(raw_|load_positions|load_batches)/g, `bronze.${prefix}$1`)
    .split(';')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  return statements.map((sql) => ({ sql, name: /^create [\w ]*bronze\.(\w+)/.exec(sql)?.[1] ?? '' }));
}
