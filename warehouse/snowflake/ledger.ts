import { refuseFormerTopic } from '../adoption.ts';
import type { Ledger } from '../ledger.ts';
import { byTopic, type NumberedBatch, numbered, payloadBytes, timestampText } from '../numbered-batch.ts';
import { type Batch, FencedError, type PartitionId, type TopicId } from '../warehouse.ts';
import { type LoadLock, mustHaveChanged } from './load-lock.ts';
import type { SnowflakeSession } from './session.ts';

/** Positions and ledger lines in `bronze.load_*`, or in the same tables with a prefix. */
export class LoadLedger implements Ledger<SnowflakeSession, LoadLock> {
  readonly prefix: string;

  constructor(prefix = '') {
    this.prefix = prefix;
  }

  async positions(session: SnowflakeSession, topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
    const live = await livePositions(session, topic);
    return this.prefix === '' ? live : storedPositions(session, `bronze.${this.prefix}load_positions`, topic);
  }

  async advance(lock: LoadLock, batches: readonly Batch[], ingestedAt: Date): Promise<NumberedBatch[]> {
    // The tables beside BRONZE have no fences.
    if (this.prefix !== '') for (const { topic } of byTopic(batches)) await livePositions(lock.session, topic);
    await movePositions(lock, `bronze.${this.prefix}load_positions`, batches, ingestedAt);
    const lastSeq = await lastLoadSeq(lock.session, this.prefix);
    const taken = numbered(batches, lastSeq, ingestedAt);
    await recordBatches(lock, this.prefix, taken);
    return taken;
  }
}

/** The positions of BRONZE itself. @throws PreconditionError if an adoption has moved the topic to another cluster. */
const livePositions = async (session: SnowflakeSession, topic: TopicId): Promise<ReadonlyMap<number, bigint>> =>
  refuseFormerTopic(topic, await storedPositions(session, 'bronze.load_positions', topic));

const keyOf = ({ clusterId, topic, topicId }: TopicId): string[] => [clusterId, topic, topicId];

/** The positions in this table, fences included. */
export async function storedPositions(
  session: SnowflakeSession,
  table: string,
  topic: TopicId,
): Promise<ReadonlyMap<number, bigint>> {
  const { rows } = await session.execute({
    sql: `select kafka_partition, next_offset from ${table} where cluster_id = ? and topic = ? and topic_id = ?`,
    binds: keyOf(topic),
  });
  return new Map(rows.map((row) => [Number(row['kafka_partition']), BigInt(String(row['next_offset']))]));
}

/** The highest number so far. Tables beside BRONZE continue BRONZE's numbers, so that their rows count as newer. */
export async function lastLoadSeq(session: SnowflakeSession, prefix: string): Promise<bigint> {
  const maxima = [...new Set([prefix, ''])].map(
    (one) => `select max(load_seq) as load_seq from bronze.${one}load_batches`,
  );
  const { rows } = await session.execute({
    sql: `select coalesce(max(load_seq), 0) as load_seq from (${maxima.join(' union all ')}) as maxima`,
  });
  return BigInt(String(rows[0]?.['load_seq']));
}

/**
 * The load lock prevents other processes from moving a position between the comparison and the MERGE; the MERGE compares again.
 * @throws FencedError if a stored position is not the batch's first offset, PreconditionError if an adoption has moved the topic to another cluster.
 */
export async function movePositions(
  { session, transactionGuard }: LoadLock,
  table: string,
  batches: readonly Batch[],
  movedAt: Date,
): Promise<void> {
  await refuseMoved(session, table, batches); // mutant: snowflake.compare-and-set
  const { rowsChanged } = await session.execute({
    sql: `
      merge into ${table} as stored
      using (
        select column1 as cluster_id, column2 as topic, column3 as topic_id, column4 as kafka_partition,
               column5 as first_offset, column6 as next_offset, column7::timestamp_ntz as moved_at
          from values ${batches.map(() => '(?, ?, ?, ?, ?, ?, ?)').join(', ')}
         where ${transactionGuard}
      ) as moved
      on stored.cluster_id = moved.cluster_id and stored.topic = moved.topic and stored.topic_id = moved.topic_id
         and stored.kafka_partition = moved.kafka_partition
      when matched and stored.next_offset = moved.first_offset then
        update set next_offset = moved.next_offset, updated_at = moved.moved_at
      when not matched then
        insert (cluster_id, topic, topic_id, kafka_partition, next_offset, updated_at)
        values (moved.cluster_id, moved.topic, moved.topic_id, moved.kafka_partition, moved.next_offset, moved.moved_at)`,
    binds: batches.flatMap(({ partition, firstOffset, nextOffset }) => [
      ...[...keyOf(partition), partition.partition],
      // Texts, because the driver rounds numbers from 2^53 on.
      ...[firstOffset.toString(), nextOffset.toString(), timestampText(movedAt)],
    ]),
  });
  mustHaveChanged(`positions of ${table}`, rowsChanged, batches.length);
}

/** Whether every batch is in the ledger: its position is there, or beyond it, because another loader has continued. */
export async function areTaken(
  session: SnowflakeSession,
  ledger: Pick<Ledger<SnowflakeSession, LoadLock>, 'positions'>,
  batches: readonly Batch[],
): Promise<boolean> {
  for (const { topic, ofTopic } of byTopic(batches)) {
    const stored = await ledger.positions(session, topic);
    const isTaken = ({ partition, nextOffset }: Batch) => (stored.get(partition.partition) ?? -1n) >= nextOffset;
    if (!ofTopic.every(isTaken)) return false;
  }
  return true;
}

async function refuseMoved(session: SnowflakeSession, table: string, batches: readonly Batch[]): Promise<void> {
  for (const { topic, ofTopic } of byTopic(batches)) {
    const stored = new Map(refuseFormerTopic(topic, await storedPositions(session, table, topic)));
    for (const { partition, firstOffset, nextOffset } of ofTopic) {
      const position = stored.get(partition.partition);
      if (position !== undefined && position !== firstOffset) throw new FencedError(partition, firstOffset, position);
      // A MERGE would not see two batches of a partition as consecutive: it would ignore the second one.
      stored.set(partition.partition, nextOffset === firstOffset ? firstOffset : -1n);
    }
  }
}

/** A row for the ledger line of a batch. */
export const lineColumns = `load_seq, batch_id, cluster_id, topic, topic_id, kafka_partition, first_offset, next_offset, row_count,
  payload_bytes, loaded_at`;

/** The ledger lines of the batches. */
export async function recordBatches(
  { session, transactionGuard }: LoadLock,
  prefix: string,
  batches: readonly NumberedBatch[],
): Promise<void> {
  if (batches.length === 0) return;
  const { rowsChanged } = await session.execute({
    sql: `
      insert into bronze.${prefix}load_batches (${lineColumns})
      select column1, column2, column3, column4, column5, column6, column7, column8, column9, column10, column11::timestamp_ntz
        from values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       where ${transactionGuard}`,
    binds: batches.map(({ batch, id, loadSeq, ingestedAt }) => [
      ...[loadSeq.toString(), id, ...keyOf(batch.partition), batch.partition.partition],
      ...[batch.firstOffset.toString(), batch.nextOffset.toString(), batch.rows.length, payloadBytes(batch)],
      timestampText(ingestedAt),
    ]),
  });
  mustHaveChanged('lines', rowsChanged, batches.length);
}

/** The key of a partition's ledger lines. */
export const partitionKey = (partition: PartitionId): (string | number)[] => [...keyOf(partition), partition.partition];
