import type { Ledger } from '../ledger.ts';
import type { NumberedBatch } from '../numbered-batch.ts';
import { numberMissing, rangeOf, replayTable, withoutRows } from '../replay-table.ts';
import type { Backfill, Batch, PartitionRange, TopicId } from '../warehouse.ts';
import { LoadLedger, lastLoadSeq, movePositions, partitionKey, recordBatches, storedPositions } from './ledger.ts';
import { type LoadLock, takeLoadLock, untilUnlocked } from './load-lock.ts';
import type { SnowflakeSession } from './session.ts';
import { queryOf, SnowflakeWarehouse, type SnowflakeWarehouseOptions } from './warehouse.ts';

/**
 * @param name of the replay, in letters, digits and underscores: the same name resumes the same replay.
 * @throws the errors of `openSnowflakeSession`, as do all its calls.
 */
export async function openSnowflakeBackfill(options: SnowflakeWarehouseOptions, name: string): Promise<Backfill> {
  return new SnowflakeBackfill(options, replayTable(name));
}

class SnowflakeBackfill extends SnowflakeWarehouse implements Backfill {
  readonly #table: string;

  constructor(options: SnowflakeWarehouseOptions, table: string) {
    super(options, new ReplayLedger(table));
    this.#table = table;
  }

  async begin(ranges: readonly PartitionRange[]): Promise<readonly PartitionRange[]> {
    // Before the transaction, because DDL would commit it: after a kill in between, an empty table remains.
    await this.client.use((session) => createTable(session, this.#table));
    const setOutOnce = async (session: SnowflakeSession) => {
      // If two replays start at the same time, the second finds the ranges of the first.
      const lock = await takeLoadLock(session);
      const begun = await storedRanges(session, this.#table);
      if (begun.length > 0 || ranges.length === 0) return begun;
      await setOut(lock, this.#table, ranges);
      return storedRanges(session, this.#table);
    };
    const isDone = async (session: SnowflakeSession) =>
      ranges.length === 0 || (await storedRanges(session, this.#table)).length > 0;
    return untilUnlocked(this.clock, () => this.client.transaction(setOutOnce, isDone));
  }

  finish(): Promise<void> {
    return this.client.use(async (session) => {
      await session.execute({ sql: `drop table if exists ${this.#table}` });
    });
  }
}

async function createTable(session: SnowflakeSession, table: string): Promise<void> {
  await session.execute({
    sql: `
      create table if not exists ${table} (
        cluster_id varchar not null, topic varchar not null, topic_id varchar not null, kafka_partition number(38, 0) not null,
        next_offset number(38, 0) not null, end_offset number(38, 0) not null, updated_at timestamp_ntz not null
      )`,
  });
}

async function setOut(
  { session, transactionGuard }: LoadLock,
  table: string,
  ranges: readonly PartitionRange[],
): Promise<void> {
  await session.execute({
    sql: `
      insert into ${table} (cluster_id, topic, topic_id, kafka_partition, next_offset, end_offset, updated_at)
      select column1, column2, column3, column4, column5, column6, sysdate() from values (?, ?, ?, ?, ?, ?)
       where ${transactionGuard}`,
    binds: ranges.map(({ partition, from, end }) => [...partitionKey(partition), from.toString(), end.toString()]),
  });
}

async function storedRanges(session: SnowflakeSession, table: string): Promise<PartitionRange[]> {
  const { rows } = await session.execute({ sql: `select * from ${table} order by topic, kafka_partition` });
  return rows.map(rangeOf);
}

/** The positions of a replay. Of its batches, it writes only the rows that BRONZE lacks, under the live ledger. */
class ReplayLedger implements Ledger<SnowflakeSession, LoadLock> {
  readonly prefix = '';
  readonly #table: string;

  constructor(table: string) {
    this.#table = table;
  }

  positions(session: SnowflakeSession, topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
    return storedPositions(session, this.#table, topic);
  }

  async advance(lock: LoadLock, batches: readonly Batch[], ingestedAt: Date): Promise<NumberedBatch[]> {
    const { session } = lock;
    await movePositions(lock, this.#table, batches, ingestedAt);
    const lastSeq = await lastLoadSeq(session, this.prefix);
    const taken = await numberMissing(
      batches,
      { lastSeq, ingestedAt },
      {
        missing: (batch) => missingRows(session, batch),
        query: queryOf(session),
      },
    );
    await recordBatches(lock, this.prefix, taken);
    return taken;
  }
}

/** The batch with the rows that BRONZE lacks, of those that its loader has passed. */
async function missingRows(session: SnowflakeSession, batch: Batch): Promise<Batch> {
  const { partition, firstOffset, nextOffset, table } = batch;
  const live = await new LoadLedger().positions(session, partition);
  const range = [firstOffset.toString(), nextOffset.toString()];
  const { rows } = await session.execute({
    sql: `
      select kafka_offset from bronze.${table}
       where kafka_partition = ? and kafka_offset >= ? and kafka_offset < ?
         and batch_id in (select batch_id from bronze.load_batches
                           where cluster_id = ? and topic = ? and topic_id = ? and kafka_partition = ?
                             and next_offset > ? and first_offset < ?)`,
    binds: [partition.partition, ...range, ...partitionKey(partition), ...range],
  });
  const there = new Set(rows.map((row) => BigInt(String(row['kafka_offset']))));
  return withoutRows(batch, there, live.get(partition.partition));
}
