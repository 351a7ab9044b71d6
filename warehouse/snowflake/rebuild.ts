import {
  comparisonSql,
  MissingRows,
  missingSql,
  rebuildPrefix as prefix,
  swapReport,
  uncoveredRows,
  uncoveredSql,
} from '../rebuild-sql.ts';
import {
  bronzeTables,
  type RawTable,
  type Rebuild,
  type RecordAddress,
  rawTables,
  type SwapReport,
  WarehouseUnavailableError,
} from '../warehouse.ts';
import { LoadLedger, lastLoadSeq, lineColumns } from './ledger.ts';
import { type LoadLock, takeLoadLock, untilUnlocked, waitForLoadLock } from './load-lock.ts';
import { parseIdentifier, quoted } from './provision/identifiers.ts';
import { reopenCutoff } from './purged-before.ts';
import { columnsOf } from './raw-tables.ts';
import type { SnowflakeSession } from './session.ts';
import { migrateBronze, queryOf, SnowflakeWarehouse, type SnowflakeWarehouseOptions } from './warehouse.ts';

const uncovered = `bronze.${prefix}uncovered`;

/** @throws the errors of `openSnowflakeSession`, as do all its calls. */
export async function openSnowflakeRebuild(options: SnowflakeWarehouseOptions): Promise<Rebuild> {
  return new SnowflakeRebuild(options, new LoadLedger(prefix));
}

class SnowflakeRebuild extends SnowflakeWarehouse implements Rebuild {
  override async migrate(): Promise<void> {
    await super.migrate();
    await this.client.use(async (session) => {
      // A process killed between two of these was either creating the tables, which are empty, or dropping them, so nothing is lost.
      if (!(await isWhole(session))) await dropRebuild(session);
      await migrateBronze(session, prefix);
      await grantAsBronze(session);
    });
  }

  async missing(): Promise<readonly RecordAddress[]> {
    return (await this.client.use(missingRows)).lost;
  }

  async promote(refused: ReadonlySet<RecordAddress> = new Set()): Promise<SwapReport> {
    // Before the transaction, which DDL would commit.
    await this.client.use(createUncovered);
    const report = await this.#swapWhole(refused);
    // A table that cannot be dropped is empty, and the next rebuild starts with it.
    await this.discard().catch(() => {});
    return report;
  }

  discard(): Promise<void> {
    return this.client.use(dropRebuild);
  }

  async #swapWhole(refused: ReadonlySet<RecordAddress>): Promise<SwapReport> {
    let report: SwapReport | undefined;
    try {
      const swap = async (session: SnowflakeSession) => {
        const lock = await takeLoadLock(session);
        await copyUncovered(lock);
        report = await compare(session, refused);
        await swapTables(lock);
        if (report.corrected > 0) await reopenCutoff(lock); // mutant: snowflake.rebuild-reopens
        return report;
      };
      return await untilUnlocked(this.clock, () => this.client.transaction(swap, isSwapped));
    } catch (error) {
      // Without an answer, the rebuild's own tables tell, as soon as no transaction of ours can commit any more.
      if (!(error instanceof WarehouseUnavailableError) || !report) throw error;
      await untilUnlocked(this.clock, () => this.client.use(waitForLoadLock));
      if (!(await this.client.use(isSwapped))) throw error;
      return report;
    }
  }
}

/** The tables that a purge changes in BRONZE, and in a rebuild. */
export const documentTables = [...rawTables, 'load_batches'] as const;

/** The roles that may purge BRONZE may also purge a rebuild that is left unfinished. */
async function grantAsBronze(session: SnowflakeSession): Promise<void> {
  for (const table of documentTables) {
    const { rows } = await session.execute({ sql: `show grants on table bronze.${table}` });
    for (const { privilege, granted_to: kind, grantee_name: grantee } of rows) {
      const name = String(grantee);
      if (privilege !== 'UPDATE' || kind !== 'ROLE' || parseIdentifier(name) !== name) continue;
      await session.execute({ sql: `grant update on table bronze.${prefix}${table} to role ${quoted(name)}` });
    }
  }
}

const isWhole = async (session: SnowflakeSession): Promise<boolean> =>
  (await presentTables(session)).length === bronzeTables.length;

async function presentTables(session: SnowflakeSession): Promise<string[]> {
  const names = bronzeTables.map((table) => `'${prefix}${table}'`).join(', ');
  const { rows } = await session.execute({
    sql: `select lower(table_name) as name from information_schema.tables
           where lower(table_schema) = 'bronze' and lower(table_name) in (${names})`,
  });
  return rows.map(({ name }) => String(name));
}

/** Removes the rows of an unfinished rebuild, so that the next one starts from scratch. */
export async function emptyRebuild({ session, transactionGuard }: LoadLock): Promise<void> {
  for (const table of await presentTables(session)) {
    await session.execute({ sql: `delete from bronze.${table} where ${transactionGuard}` });
  }
}

/** A rebuild that has been promoted leaves nothing. */
async function isSwapped(session: SnowflakeSession): Promise<boolean> {
  const { rows } = await session.execute({ sql: `select 1 as one from bronze.${prefix}load_positions limit 1` });
  return rows.length === 0;
}

/** Deletes the tables of a rebuild. */
export async function dropRebuild(session: SnowflakeSession): Promise<void> {
  for (const table of [...bronzeTables, 'uncovered']) {
    await session.execute({ sql: `drop table if exists bronze.${prefix}${table}` });
  }
}

async function createUncovered(session: SnowflakeSession): Promise<void> {
  await session.execute({
    sql: `create or replace transient table ${uncovered} as select * from (${uncoveredSql(0n)}) as shape where false`,
  });
}

/** Copies the rows and ledger lines of the uncovered ranges into the rebuild. */
async function copyUncovered({ session, transactionGuard }: LoadLock): Promise<void> {
  const lastSeq = await lastLoadSeq(session, prefix);
  await session.execute({
    sql: `insert into ${uncovered} select * from (${uncoveredSql(lastSeq)}) as cut where ${transactionGuard}`,
  });
  for (const table of rawTables) {
    const columns = namesOf(table);
    const renamed: Record<string, string> = { batch_id: 'uncovered.new_id', load_seq: 'uncovered.new_seq' };
    await session.execute({
      sql: `
        insert into bronze.${prefix}${table} (${columns.join(', ')})
        select ${columns.map((column) => renamed[column] ?? `live.${column}`).join(', ')}
        ${uncoveredRows(table, uncovered)} and ${transactionGuard}`,
    });
  }
  const named = rawTables.map((table) => `select batch_id, load_seq from bronze.${prefix}${table}`);
  await session.execute({
    // A VARIANT does not keep the bytes of its document: a range gets the share of its batch's bytes that its rows have.
    sql: `
      insert into bronze.${prefix}load_batches (${lineColumns})
      with counted as (
        select batch_id, load_seq, count(*) as row_count from (${named.join(' union all ')}) as named group by batch_id, load_seq
      )
      select uncovered.new_seq, uncovered.new_id, uncovered.cluster_id, uncovered.topic, uncovered.topic_id, uncovered.kafka_partition,
             uncovered.keep_from, uncovered.keep_to, coalesce(counted.row_count, 0),
             round(uncovered.payload_bytes * coalesce(counted.row_count, 0) / greatest(uncovered.row_count, 1)), uncovered.loaded_at
        from ${uncovered} as uncovered
        left join counted on counted.batch_id = uncovered.new_id and counted.load_seq = uncovered.new_seq
       where ${transactionGuard}`,
  });
}

const namesOf = (table: RawTable): string[] => columnsOf(table).map(({ name }) => name);

const lineage = new Set(['ingested_at', 'batch_id', 'load_seq', 'kafka_partition', 'kafka_offset']);

/** A digest of all columns of a row except its lineage; two different rows do not collide by chance. */
function contentsOf(table: RawTable): string {
  const values = columnsOf(table)
    .filter(({ name }) => !lineage.has(name))
    .map(({ name, type, isNullable }) => {
      if (type === 'variant') return `to_json(raw.${name})`;
      // With one NULL, the whole digest would be NULL.
      return isNullable ? `coalesce(raw.${name}::varchar, '')` : `raw.${name}::varchar`;
    });
  return `md5(${values.join(" || '|' || ")})`;
}

/** @throws RebuildError if the live BRONZE has rows that the rebuild lacks, or if the rebuild has duplicates. */
async function compare(session: SnowflakeSession, refused: ReadonlySet<RecordAddress>): Promise<SwapReport> {
  const contents = { raw_movies: contentsOf('raw_movies'), raw_genres: contentsOf('raw_genres') };
  const { rows } = await session.execute({ sql: comparisonSql(contents, uncovered) });
  const [row = {}] = rows;
  return swapReport(row, Number(row['missing']) > 0 ? await missingRows(session) : new MissingRows([]), refused);
}

async function missingRows(session: SnowflakeSession): Promise<MissingRows> {
  return new MissingRows(await queryOf(session)(missingSql()));
}

/**
 * Moves rows, because SWAP WITH would commit for each table: the rows of the rebuild move into the live tables, in the order in which dbt
 * reads them. The rebuild's tables are then empty, so that after a kill before they are dropped, nothing can be promoted again.
 */
async function swapTables(lock: LoadLock): Promise<void> {
  for (const table of rawTables) {
    await moveRows(lock, table, namesOf(table).join(', '), 'load_seq, kafka_offset');
  }
  await moveRows(lock, 'load_batches', lineColumns, 'load_seq');
  await lock.session.execute({ sql: `delete from bronze.${prefix}load_positions where ${lock.transactionGuard}` });
}

async function moveRows(
  { session, transactionGuard }: LoadLock,
  table: string,
  columns: string,
  order: string,
): Promise<void> {
  await session.execute({ sql: `delete from bronze.${table} where ${transactionGuard}` });
  await session.execute({
    sql: `insert into bronze.${table} (${columns})
          select ${columns} from bronze.${prefix}${table} where ${transactionGuard} order by ${order}`,
  });
  await session.execute({ sql: `delete from bronze.${prefix}${table} where ${transactionGuard}` });
}
