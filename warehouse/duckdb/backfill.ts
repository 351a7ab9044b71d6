import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '../../runtime/clock.ts';
import type { Ledger } from '../ledger.ts';
import type { NumberedBatch } from '../numbered-batch.ts';
import { numberMissing, rangeOf, replayTable, withoutRows } from '../replay-table.ts';
import type { Backfill, Batch, PartitionRange, TopicId } from '../warehouse.ts';
import type { DuckDbFileOptions } from './file.ts';
import { isOfTopic, keyOf, LoadLedger, lastLoadSeq, movePosition, recordBatch, storedPositions } from './ledger.ts';
import { openSharedFile, type SharedFile } from './shared-file.ts';
import { DuckDbWarehouse, queryOf } from './warehouse.ts';

/**
 * @param name of the replay, in letters, digits and underscores: the same name resumes the same replay.
 * @throws the errors of `openDuckDbFile`, as do all its calls.
 */
export async function openDuckDbBackfill(options: DuckDbFileOptions, name: string): Promise<Backfill> {
  const table = replayTable(name);
  return new DuckDbBackfill(await openSharedFile(options), options.clock, table);
}

class DuckDbBackfill extends DuckDbWarehouse implements Backfill {
  readonly #table: string;

  constructor(file: SharedFile, clock: Clock, table: string) {
    super(file, clock, new ReplayLedger(table));
    this.#table = table;
  }

  begin(ranges: readonly PartitionRange[]): Promise<readonly PartitionRange[]> {
    return this.file.transaction(async (connection) => {
      const begun = await connection.runAndReadAll(
        `select 1 from information_schema.tables where 'bronze.' || table_name = '${this.#table}'`,
      );
      if (begun.currentRowCount === 0) await setOut(connection, this.#table, ranges);
      return storedRanges(connection, this.#table);
    });
  }

  finish(): Promise<void> {
    return this.file.use(async (connection) => void (await connection.run(`drop table if exists ${this.#table}`)));
  }
}

async function setOut(connection: DuckDBConnection, table: string, ranges: readonly PartitionRange[]): Promise<void> {
  await connection.run(`
    create table ${table} (
      cluster_id varchar not null, topic varchar not null, topic_id varchar not null, kafka_partition integer not null,
      next_offset bigint not null, end_offset bigint not null, updated_at timestamp not null default current_timestamp::timestamp
    )`);
  for (const { partition, from, end } of ranges) {
    await connection.run(
      `insert into ${table} (cluster_id, topic, topic_id, kafka_partition, next_offset, end_offset)
       values ($1, $2, $3, $4, $5, $6)`,
      [...keyOf(partition), partition.partition, from, end],
    );
  }
}

async function storedRanges(connection: DuckDBConnection, table: string): Promise<PartitionRange[]> {
  const rows = await connection.runAndReadAll(`from ${table} order by topic, kafka_partition`);
  return rows.getRowObjects().map(rangeOf);
}

/** The positions of a replay. Of its batches, it writes only the rows that BRONZE lacks, under the live ledger. */
class ReplayLedger implements Ledger<DuckDBConnection> {
  readonly prefix = '';
  readonly #table: string;

  constructor(table: string) {
    this.#table = table;
  }

  positions(connection: DuckDBConnection, topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
    return storedPositions(connection, this.#table, topic);
  }

  async advance(connection: DuckDBConnection, batches: readonly Batch[], ingestedAt: Date): Promise<NumberedBatch[]> {
    for (const batch of batches) await movePosition(connection, this.#table, { batch, ingestedAt });
    const lastSeq = await lastLoadSeq(connection, this.prefix);
    const taken = await numberMissing(
      batches,
      { lastSeq, ingestedAt },
      {
        missing: (batch) => missingRows(connection, batch),
        query: queryOf(connection),
      },
    );
    for (const numbered of taken) await recordBatch(connection, this.prefix, numbered);
    return taken;
  }
}

/** The batch with the rows that BRONZE lacks, of those that its loader has passed. */
async function missingRows(connection: DuckDBConnection, batch: Batch): Promise<Batch> {
  const { partition, firstOffset, nextOffset, table } = batch;
  const live = await new LoadLedger().positions(connection, partition);
  const sql = `
    select kafka_offset from bronze.${table}
     where kafka_partition = $4 and kafka_offset >= $5 and kafka_offset < $6
       and batch_id in (select batch_id from bronze.load_batches where ${isOfTopic} and kafka_partition = $4
                           and first_offset < $6 and next_offset > $5)`;
  const values = [...keyOf(partition), partition.partition, firstOffset, nextOffset];
  const there = new Set((await connection.runAndReadAll(sql, values)).getRows().map(([offset]) => offset as bigint));
  return withoutRows(batch, there, live.get(partition.partition));
}
