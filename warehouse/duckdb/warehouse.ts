import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '../../runtime/clock.ts';
import { assertSchemaComplete } from '../assert-schema-complete.ts';
import { type BronzeColumn, columnsIn, refuseOtherColumns } from '../bronze-columns.ts';
import { isStorable } from '../document.ts';
import { withoutExpired } from '../expiry.ts';
import type { Ledger } from '../ledger.ts';
import { type NumberedBatch, rowsIn } from '../numbered-batch.ts';
import { type RowAddress, refuseRows, rowsWhere } from '../row-address.ts';
import { withoutRepeated } from '../sent-back.ts';
import type { Batch, PartitionId, TopicId, Warehouse } from '../warehouse.ts';
import { appendRows } from './append-rows.ts';
import type { DuckDbFileOptions } from './file.ts';
import { LoadLedger } from './ledger.ts';
import { recordCutoff } from './purged-before.ts';
import { openSharedFile, type SharedFile } from './shared-file.ts';

/** Creates what is missing in BRONZE. */
export const bronzeSql = readFileSync(join(import.meta.dirname, 'bronze.sql'), 'utf8');

/** BRONZE in a DuckDB file. @throws the errors of `openDuckDbFile`, as do all calls of the warehouse. */
export async function openDuckDbWarehouse(options: DuckDbFileOptions): Promise<Warehouse> {
  return new DuckDbWarehouse(await openSharedFile(options), options.clock, new LoadLedger());
}

/** Loads into BRONZE, or into the tables of its ledger. */
export class DuckDbWarehouse implements Warehouse {
  protected readonly file: SharedFile;
  protected readonly clock: Clock;
  readonly #ledger: Ledger<DuckDBConnection>;

  constructor(file: SharedFile, clock: Clock, ledger: Ledger<DuckDBConnection>) {
    this.file = file;
    this.clock = clock;
    this.#ledger = ledger;
  }

  migrate(): Promise<void> {
    // In one transaction: a kill must not leave some of the tables without the others.
    return this.file.transaction(async (connection) => {
      assertSchemaComplete(await tablesOfBronze(connection), remedy);
      await connection.run(bronzeSql);
      refuseOtherColumns(columnsIn(bronzeSql), await columnsOfBronze(connection));
    });
  }

  positions(topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
    return this.file.use((connection) => this.#ledger.positions(connection, topic));
  }

  async append(given: readonly Batch[]): Promise<number> {
    const now = this.clock.now();
    const before = new Date(Math.max(0, now - this.file.retentionMs));
    const { batches, expired } = withoutExpired(given, before);
    refuseRows(rowsWhere(batches, ({ body }) => !isStorable(body))); // mutant: warehouse.storable-documents
    // mutant: warehouse.transaction
    return await this.file.transaction(async (connection) => {
      // crash point: loader.begun
      const { prefix } = this.#ledger;
      const wanted = await withoutRepeated(batches, queryOf(connection), { prefix });
      const numbered = await this.#ledger.advance(connection, wanted, new Date(now));
      // crash point: loader.position-moved
      await appendRows(connection, numbered, prefix); // mutant: warehouse.rows
      // These documents were never stored, so nothing is left to remove.
      if (expired > 0) await recordCutoff(connection, { before, now: new Date(now), isFinished: true });
      // crash point: loader.rows-written
      refuseRows(await unreadableRows(connection, numbered, prefix)); // mutant: warehouse.readable-documents
      // crash point: loader.before-commit
      return rowsIn(numbered);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.file[Symbol.asyncDispose]();
  }
}

/** Queries of a connection, within its transaction. */
export const queryOf = (connection: DuckDBConnection) => async (sql: string) =>
  (await connection.runAndReadAll(sql)).getRowObjectsJS();

const remedy = 'Rename it back, restore the file, or load into a new one (DUCKDB_PATH), which is filled from Kafka';

/** Names of the tables in the schema `bronze`; empty if there is none. */
export async function tablesOfBronze(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  const sql = `select table_name from duckdb_tables() where database_name = current_database() and schema_name = 'bronze'`;
  return new Set((await connection.runAndReadAll(sql)).getRows().map(([name]) => String(name)));
}

async function columnsOfBronze(connection: DuckDBConnection): Promise<BronzeColumn[]> {
  const sql = `select table_name, column_name, lower(data_type) from duckdb_columns()
    where database_name = current_database() and schema_name = 'bronze' order by table_name, column_index`;
  const rows = (await connection.runAndReadAll(sql)).getRows();
  return rows.map(([table, name, type]) => ({ table: String(table), name: String(name), type: String(type) }));
}

/**
 * The transaction's own rows that DuckDB cannot parse. The appender checks nothing, and one such row would fail every
 * later query on the table. DuckDB's parser runs in its own threads; row groups of older batches are skipped.
 */
async function unreadableRows(
  connection: DuckDBConnection,
  batches: readonly NumberedBatch[],
  prefix: string,
): Promise<RowAddress[]> {
  const [first] = batches;
  if (!first) return [];
  const byId = new Map(batches.map(({ batch, id }) => [id, batch.partition]));
  const addresses: RowAddress[] = [];
  for (const table of new Set(batches.map(({ batch }) => batch.table))) {
    const sql = `select batch_id, kafka_offset from bronze.${prefix}${table}
      where load_seq >= $1 and not json_valid(raw_data)`;
    for (const [id, kafkaOffset] of (await connection.runAndReadAll(sql, [first.loadSeq])).getRows()) {
      const partition = byId.get(String(id)) as PartitionId;
      addresses.push({ partition, kafkaOffset: kafkaOffset as bigint });
    }
  }
  return addresses;
}
