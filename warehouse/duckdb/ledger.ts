import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { refuseFormerTopic } from '../adoption.ts';
import type { Ledger } from '../ledger.ts';
import { byTopic, type NumberedBatch, numbered, payloadBytes, timestampText } from '../numbered-batch.ts';
import { type Batch, FencedError, type TopicId } from '../warehouse.ts';

/** Positions and ledger lines in `bronze.load_*`, or in the same tables with a prefix. */
export class LoadLedger implements Ledger<DuckDBConnection> {
  readonly prefix: string;

  constructor(prefix = '') {
    this.prefix = prefix;
  }

  async positions(connection: DuckDBConnection, topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
    const live = await livePositions(connection, topic);
    return this.prefix === '' ? live : storedPositions(connection, `bronze.${this.prefix}load_positions`, topic);
  }

  async advance(connection: DuckDBConnection, batches: readonly Batch[], ingestedAt: Date): Promise<NumberedBatch[]> {
    // The tables beside BRONZE have no fences.
    if (this.prefix !== '') for (const { topic } of byTopic(batches)) await livePositions(connection, topic);
    const lastSeq = await lastLoadSeq(connection, this.prefix);
    const taken = numbered(batches, lastSeq, ingestedAt);
    for (const entry of taken) {
      await movePosition(connection, `bronze.${this.prefix}load_positions`, entry);
      await recordBatch(connection, this.prefix, entry);
    }
    return taken;
  }
}

/** The positions of BRONZE itself. @throws PreconditionError if an adoption has moved the topic to another cluster. */
const livePositions = async (connection: DuckDBConnection, topic: TopicId): Promise<ReadonlyMap<number, bigint>> =>
  refuseFormerTopic(topic, await storedPositions(connection, 'bronze.load_positions', topic));

/** The positions of a partition, by `keyOf`. A ledger from before topic ids were stored has '' for the present topic. */
export const isOfTopic = `cluster_id = $1 and topic = $2 and topic_id in ($3, '')`; // mutant: warehouse.topic-id

export const keyOf = ({ clusterId, topic, topicId }: TopicId): DuckDBValue[] => [clusterId, topic, topicId];

/** The positions in this table, fences included. */
export async function storedPositions(
  connection: DuckDBConnection,
  table: string,
  topic: TopicId,
): Promise<ReadonlyMap<number, bigint>> {
  const sql = `select kafka_partition, next_offset from ${table} where ${isOfTopic}`;
  const rows = (await connection.runAndReadAll(sql, keyOf(topic))).getRows();
  return new Map(rows.map(([partition, next]) => [Number(partition), next as bigint]));
}

/** The highest number so far. Tables beside BRONZE continue BRONZE's numbers, so that their rows count as newer. */
export async function lastLoadSeq(connection: DuckDBConnection, prefix: string): Promise<bigint> {
  const tables = [...new Set([prefix, ''])].map((one) => `(select max(load_seq) from bronze.${one}load_batches)`);
  const [[last] = []] = (await connection.runAndReadAll(`select coalesce(${tables.join(', ')}, 0)`)).getRows();
  return last as bigint;
}

/** @throws FencedError if the stored position is not the batch's first offset, PreconditionError if an adoption has moved the topic to another cluster. */
export async function movePosition(
  connection: DuckDBConnection,
  table: string,
  { batch, ingestedAt }: Pick<NumberedBatch, 'batch' | 'ingestedAt'>,
): Promise<void> {
  const { partition, firstOffset, nextOffset } = batch;
  const key = [...keyOf(partition), partition.partition];
  const movedAt = timestampText(ingestedAt);
  // mutant: warehouse.compared-position
  const moved = await connection.run(
    `update ${table} set next_offset = $6, updated_at = $7::timestamp, topic_id = $3
      where ${isOfTopic} and kafka_partition = $4 and next_offset = $5`,
    [...key, firstOffset, nextOffset, movedAt],
  );
  if (moved.rowsChanged === 1) return;
  const all = refuseFormerTopic(partition, await storedPositions(connection, table, partition));
  const stored = all.get(partition.partition) ?? null;
  if (stored !== null) throw new FencedError(partition, firstOffset, stored); // mutant: warehouse.fenced
  await connection.run(
    `insert into ${table} (cluster_id, topic, topic_id, kafka_partition, next_offset, updated_at)
     values ($1, $2, $3, $4, $5, $6::timestamp)`,
    [...key, nextOffset, movedAt],
  );
}

/** The ledger line of a batch. */
export async function recordBatch(
  connection: DuckDBConnection,
  prefix: string,
  { batch, id, loadSeq, ingestedAt }: NumberedBatch,
): Promise<void> {
  const { partition, firstOffset, nextOffset, rows } = batch;
  await connection.run(
    `insert into bronze.${prefix}load_batches
       (cluster_id, topic, topic_id, kafka_partition, load_seq, batch_id, first_offset, next_offset, row_count,
        payload_bytes, loaded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::timestamp)`,
    [
      ...[...keyOf(partition), partition.partition, loadSeq, id, firstOffset, nextOffset, BigInt(rows.length)],
      ...[BigInt(payloadBytes(batch)), timestampText(ingestedAt)],
    ],
  );
}
