import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Clock } from '../../clock.ts';
import { isStorable } from '../document.ts';
import { type Batch, batchId, FencedError, InvalidRowsError, type PartitionId, type Warehouse } from '../warehouse.ts';
import { appendRows, type NumberedBatch } from './append-rows.ts';
import { type DuckDbFile, type DuckDbFileOptions, openDuckDbFile } from './file.ts';

const bronzeSql = readFileSync(join(import.meta.dirname, 'bronze.sql'), 'utf8');

/** Unused for so long, the file is closed. Long enough for a replay to go from batch to batch with the file open. */
const idleMs = 100;

/**
 * BRONZE in a DuckDB file. The file is held while batches follow one another and nobody else wants it; otherwise it is
 * closed after each, so that other loaders, dbt and readers come to their turn.
 * @throws what `openDuckDbFile` throws, as do all calls of the warehouse.
 */
export async function openDuckDbWarehouse(options: DuckDbFileOptions): Promise<Warehouse> {
  return new DuckDbWarehouse(options, await openDuckDbFile(options));
}

class DuckDbWarehouse implements Warehouse {
  readonly #options: DuckDbFileOptions;
  readonly #clock: Clock;
  /** null while others may have it. */
  #file: DuckDbFile | null;
  /** Resolves when the last call is over: one connection has one transaction at a time. */
  #turn: Promise<void> = Promise.resolve();
  #idleTimer: AbortController | undefined;

  constructor({ signal: _, ...options }: DuckDbFileOptions, file: DuckDbFile) {
    // A loader that was told to stop still loads what it has collected: it waits for the file as long as any other.
    this.#options = options;
    this.#clock = options.clock;
    this.#file = file;
    this.#then(this.#letOthersIn());
  }

  migrate(): Promise<void> {
    return this.#inTurn(async (connection) => void (await connection.run(bronzeSql)));
  }

  positions(clusterId: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    return this.#inTurn(async (connection) => {
      const sql = 'select kafka_partition, next_offset from bronze.load_positions where cluster_id = $1 and topic = $2';
      const rows = (await connection.runAndReadAll(sql, [clusterId, topic])).getRows();
      return new Map(rows.map(([partition, next]) => [Number(partition), next as bigint]));
    });
  }

  append(batches: readonly Batch[]): Promise<void> {
    return this.#inTurn(async (connection) => {
      refuse(batches.flatMap((batch) => rowsWhere(batch, (row) => !isStorable(row.body))));
      await connection.run('begin');
      try {
        const numbered = await this.#takePositions(connection, batches);
        await appendRows(connection, numbered);
        refuse(await unreadableRows(connection, numbered));
        await connection.run('commit');
      } catch (error) {
        // A commit that failed has rolled back already; the first error is the one that tells.
        await connection.run('rollback').catch(() => {});
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#close();
  }

  /** Compare-and-set of every position, and the batch's line in the ledger: before any row, so that who lost writes none. */
  async #takePositions(connection: DuckDBConnection, batches: readonly Batch[]): Promise<NumberedBatch[]> {
    const ingestedAt = new Date(this.#clock.now());
    const [[last] = []] = (await connection.runAndReadAll('select max(load_seq) from bronze.load_batches')).getRows();
    const lastSeq = (last as bigint | null | undefined) ?? 0n;
    const numbered = batches.map((batch, index) => ({ batch, loadSeq: lastSeq + BigInt(index + 1), ingestedAt }));
    for (const entry of numbered) {
      await movePosition(connection, entry);
      await recordBatch(connection, entry);
    }
    return numbered;
  }

  #inTurn<T>(call: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      this.#idleTimer?.abort();
      this.#file ??= await openDuckDbFile(this.#options);
      return call(this.#file.connection);
    });
    this.#then(result.catch(() => {}).then(() => this.#letOthersIn()));
    return result;
  }

  /** Who asked does not wait for the file to be closed, and is not told when that fails; the next call is. */
  #then(afterwards: Promise<void>): void {
    afterwards.catch(() => {});
    this.#turn = afterwards;
  }

  async #letOthersIn(): Promise<void> {
    if (this.#file?.isWanted()) return this.#close();
    const timer = new AbortController();
    this.#idleTimer = timer;
    this.#clock.sleep(idleMs, timer.signal).then(
      () => this.#then(this.#turn.then(() => (timer.signal.aborted ? undefined : this.#close()))),
      () => {},
    );
  }

  async #close(): Promise<void> {
    this.#idleTimer?.abort();
    const file = this.#file;
    this.#file = null;
    await file?.[Symbol.asyncDispose]();
  }
}

const timestampText = (date: Date): string => date.toISOString().replace('Z', '');

/** @throws FencedError when the stored position is not the batch's first offset. */
async function movePosition(connection: DuckDBConnection, { batch, ingestedAt }: NumberedBatch): Promise<void> {
  const { partition, firstOffset, nextOffset } = batch;
  const key: DuckDBValue[] = [partition.clusterId, partition.topic, partition.partition];
  const moved = await connection.run(
    `update bronze.load_positions set next_offset = $5, updated_at = $6::timestamp
      where cluster_id = $1 and topic = $2 and kafka_partition = $3 and next_offset = $4`,
    [...key, firstOffset, nextOffset, timestampText(ingestedAt)],
  );
  if (moved.rowsChanged === 1) return;
  const stored = await storedPosition(connection, key);
  if (stored !== null) throw new FencedError(partition, firstOffset, stored);
  await connection.run('insert into bronze.load_positions values ($1, $2, $3, $4, $5::timestamp)', [
    ...key,
    nextOffset,
    timestampText(ingestedAt),
  ]);
}

async function storedPosition(connection: DuckDBConnection, key: DuckDBValue[]): Promise<bigint | null> {
  const sql =
    'select next_offset from bronze.load_positions where cluster_id = $1 and topic = $2 and kafka_partition = $3';
  const [[stored] = []] = (await connection.runAndReadAll(sql, key)).getRows();
  return (stored as bigint | undefined) ?? null;
}

async function recordBatch(connection: DuckDBConnection, { batch, loadSeq, ingestedAt }: NumberedBatch): Promise<void> {
  const { partition, firstOffset, nextOffset, rows } = batch;
  const payloadBytes = rows.reduce((sum, row) => sum + row.body.length, 0);
  await connection.run('insert into bronze.load_batches values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::timestamp)', [
    loadSeq,
    batchId(batch),
    partition.clusterId,
    partition.topic,
    partition.partition,
    firstOffset,
    nextOffset,
    BigInt(rows.length),
    BigInt(payloadBytes),
    timestampText(ingestedAt),
  ]);
}

type RowAddress = InvalidRowsError['rows'][number];

const rowsWhere = (batch: Batch, isMeant: (row: { readonly body: Buffer }) => boolean): RowAddress[] =>
  batch.rows.filter(isMeant).map((row) => ({ partition: batch.partition, kafkaOffset: row.kafkaOffset }));

function refuse(rows: readonly RowAddress[]): void {
  if (rows.length > 0) throw new InvalidRowsError(rows);
}

/**
 * The transaction's own rows that DuckDB cannot parse. The appender checks nothing, and one such row would fail every
 * later query over the table. DuckDB's parser does it in its own threads; row groups of older batches are skipped.
 */
async function unreadableRows(connection: DuckDBConnection, batches: readonly NumberedBatch[]): Promise<RowAddress[]> {
  const byId = new Map(batches.map(({ batch }) => [batchId(batch), batch.partition]));
  const firstSeq = batches[0]?.loadSeq ?? 0n;
  const addresses: RowAddress[] = [];
  for (const table of new Set(batches.map(({ batch }) => batch.table))) {
    const sql = `select batch_id, kafka_offset from bronze.${table} where load_seq >= $1 and not json_valid(raw_data)`;
    for (const [id, kafkaOffset] of (await connection.runAndReadAll(sql, [firstSeq])).getRows()) {
      const partition = byId.get(String(id)) as PartitionId;
      addresses.push({ partition, kafkaOffset: kafkaOffset as bigint });
    }
  }
  return addresses;
}
