import {
  addressIn,
  comparisonSql,
  missingSql,
  piecesSql,
  rebuildPrefix as prefix,
  swapReport,
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
import { type LoadLock, takeLoadLock, untilUnlocked, waitForTurn } from './load-lock.ts';
import { columnsOf } from './raw-tables.ts';
import type { SnowflakeSession } from './session.ts';
import { migrateBronze, SnowflakeWarehouse, type SnowflakeWarehouseOptions } from './warehouse.ts';

const pieces = `bronze.${prefix}pieces`;

/** @throws what `openSnowflakeSession` throws, as do all its calls. */
export async function openSnowflakeRebuild(options: SnowflakeWarehouseOptions): Promise<Rebuild> {
  return new SnowflakeRebuild(options, new LoadLedger(prefix));
}

class SnowflakeRebuild extends SnowflakeWarehouse implements Rebuild {
  override async migrate(): Promise<void> {
    await super.migrate();
    await this.client.use(async (session) => {
      // Who died between two of them was making the tables, and they are empty, or dropping them, and they are not wanted.
      if (!(await isWhole(session))) await dropTables(session);
      await migrateBronze(session, prefix);
    });
  }

  missing(): Promise<readonly RecordAddress[]> {
    return this.client.use(missingRows);
  }

  async promote(refused: ReadonlySet<RecordAddress> = new Set()): Promise<SwapReport> {
    // Before the transaction, which DDL would commit.
    await this.client.use(createPieces);
    const report = await this.#swapWhole(refused);
    // What cannot be dropped is empty, and the next rebuild begins with it.
    await this.discard().catch(() => {});
    return report;
  }

  discard(): Promise<void> {
    return this.client.use(dropTables);
  }

  async #swapWhole(refused: ReadonlySet<RecordAddress>): Promise<SwapReport> {
    let report: SwapReport | undefined;
    try {
      const swap = async (session: SnowflakeSession) => {
        const turn = await takeLoadLock(session);
        await carryOver(turn);
        report = await compare(session, refused);
        await swapTables(turn);
        return report;
      };
      return await untilUnlocked(this.clock, () => this.client.transaction(swap, isSwapped));
    } catch (error) {
      // For want of an answer, the rebuild itself tells, once no transaction of ours can be about to commit.
      if (!(error instanceof WarehouseUnavailableError) || !report) throw error;
      await untilUnlocked(this.clock, () => this.client.use(waitForTurn));
      if (!(await this.client.use(isSwapped))) throw error;
      return report;
    }
  }
}

async function isWhole(session: SnowflakeSession): Promise<boolean> {
  const names = bronzeTables.map((table) => `'${prefix}${table}'`).join(', ');
  const { rows } = await session.execute({
    sql: `select count(*) as tables from information_schema.tables
           where lower(table_schema) = 'bronze' and lower(table_name) in (${names})`,
  });
  return Number(rows[0]?.['tables']) === bronzeTables.length;
}

/** Of a rebuild that is swapped in nothing is left. */
async function isSwapped(session: SnowflakeSession): Promise<boolean> {
  const { rows } = await session.execute({ sql: `select 1 as one from bronze.${prefix}load_positions limit 1` });
  return rows.length === 0;
}

async function dropTables(session: SnowflakeSession): Promise<void> {
  for (const table of [...bronzeTables, 'pieces']) {
    await session.execute({ sql: `drop table if exists bronze.${prefix}${table}` });
  }
}

async function createPieces(session: SnowflakeSession): Promise<void> {
  await session.execute({
    sql: `create or replace transient table ${pieces} as select * from (${piecesSql(0n)}) as shape where false`,
  });
}

/** Rows and lines of the pieces into the rebuild. */
async function carryOver({ session, transactionGuard }: LoadLock): Promise<void> {
  const lastSeq = await lastLoadSeq(session, prefix);
  await session.execute({
    sql: `insert into ${pieces} select * from (${piecesSql(lastSeq)}) as cut where ${transactionGuard}`,
  });
  for (const table of rawTables) {
    const columns = namesOf(table);
    const renamed: Record<string, string> = { batch_id: 'pieces.new_id', load_seq: 'pieces.new_seq' };
    await session.execute({
      sql: `
        insert into bronze.${prefix}${table} (${columns.join(', ')})
        select ${columns.map((column) => renamed[column] ?? `live.${column}`).join(', ')}
          from bronze.${table} as live
          join ${pieces} as pieces on live.batch_id = pieces.batch_id and live.load_seq = pieces.load_seq
         where live.kafka_offset >= pieces.keep_from and live.kafka_offset < pieces.keep_to and ${transactionGuard}`,
    });
  }
  const named = rawTables.map((table) => `select batch_id, load_seq from bronze.${prefix}${table}`);
  await session.execute({
    // A VARIANT does not keep the bytes of its document: a piece has its share of its batch's by its rows.
    sql: `
      insert into bronze.${prefix}load_batches (${lineColumns})
      with counted as (
        select batch_id, load_seq, count(*) as row_count from (${named.join(' union all ')}) as named group by batch_id, load_seq
      )
      select pieces.new_seq, pieces.new_id, pieces.cluster_id, pieces.topic, pieces.topic_id, pieces.kafka_partition,
             pieces.keep_from, pieces.keep_to, coalesce(counted.row_count, 0),
             round(pieces.payload_bytes * coalesce(counted.row_count, 0) / greatest(pieces.row_count, 1)), pieces.loaded_at
        from ${pieces} as pieces
        left join counted on counted.batch_id = pieces.new_id and counted.load_seq = pieces.new_seq
       where ${transactionGuard}`,
  });
}

const namesOf = (table: RawTable): string[] => columnsOf(table).map(({ name }) => name);

const lineage = new Set(['ingested_at', 'batch_id', 'load_seq', 'kafka_partition', 'kafka_offset']);

/** All of a row but its lineage as a digest, so two that differ do not meet by chance. */
function contentsOf(table: RawTable): string {
  const values = columnsOf(table)
    .filter(({ name }) => !lineage.has(name))
    .map(({ name, type }) => (type === 'variant' ? `to_json(raw.${name})` : `raw.${name}::varchar`));
  return `md5(${values.join(" || '|' || ")})`;
}

/** @throws RebuildError when the live BRONZE has rows that the rebuilt one has not, or the rebuilt one has some twice. */
async function compare(session: SnowflakeSession, refused: ReadonlySet<RecordAddress>): Promise<SwapReport> {
  const contents = { raw_movies: contentsOf('raw_movies'), raw_genres: contentsOf('raw_genres') };
  const { rows } = await session.execute({ sql: comparisonSql(contents, pieces) });
  const [row = {}] = rows;
  return swapReport(row, Number(row['missing']) > 0 ? await missingRows(session) : [], refused);
}

async function missingRows(session: SnowflakeSession): Promise<RecordAddress[]> {
  return (await session.execute({ sql: missingSql() })).rows.map(addressIn);
}

/**
 * By rows, as SWAP WITH would commit for each table: those of the rebuild move into the live tables, in the order by which dbt
 * reads them. Of the rebuild nothing is left, so that who dies before it is dropped leaves none that could be swapped in again.
 */
async function swapTables(turn: LoadLock): Promise<void> {
  for (const table of rawTables) {
    await moveRows(turn, table, namesOf(table).join(', '), 'load_seq, kafka_offset');
  }
  await moveRows(turn, 'load_batches', lineColumns, 'load_seq');
  await turn.session.execute({ sql: `delete from bronze.${prefix}load_positions where ${turn.transactionGuard}` });
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
