import { type Adoption, areSamePositions, fencePosition, refuseMovedPositions } from '../adoption.ts';
import { timestampText } from '../numbered-batch.ts';
import { SnowflakeClient } from './client.ts';
import { storedPositions } from './ledger.ts';
import { type LoadLock, mustHaveChanged, takeLoadLock, untilUnlocked } from './load-lock.ts';
import { dropRebuild, emptyRebuild } from './rebuild.ts';
import type { SessionOptions, SnowflakeSession } from './session.ts';

const positionsOf = (session: SnowflakeSession, topic: Adoption['from']) =>
  storedPositions(session, 'bronze.load_positions', topic);

/** `WarehouseAccess.adopt` for Snowflake. @throws the errors of `openSnowflakeSession`. */
export async function adoptInSnowflake(options: SessionOptions, adoptions: readonly Adoption[]): Promise<void> {
  await using client = new SnowflakeClient(options);
  const adoptAll = async (session: SnowflakeSession) => {
    const lock = await takeLoadLock(session);
    for (const adoption of adoptions) await adoptOne(lock, adoption, new Date(options.clock.now()));
    // An unfinished rebuild has records of the former cluster.
    await emptyRebuild(lock);
  };
  const isDone = async (session: SnowflakeSession) => {
    for (const { to, positions } of adoptions) {
      if (!areSamePositions(await positionsOf(session, to), positions)) return false;
    }
    return true;
  };
  await untilUnlocked(options.clock, () => client.transaction(adoptAll, isDone));
  // After the transaction, which DDL would commit. A table that cannot be dropped is empty, and the next rebuild starts with it.
  await client.use(dropRebuild).catch(() => {});
}

async function adoptOne({ session, transactionGuard }: LoadLock, adoption: Adoption, now: Date): Promise<void> {
  const { from, to, positions } = adoption;
  const fences = await positionsOf(session, to);
  refuseMovedPositions(adoption, await positionsOf(session, from), fences);
  const keyOf = ({ clusterId, topic, topicId }: Adoption['from']) => [clusterId, topic, topicId];
  const isOfTopic = `cluster_id = ? and topic = ? and topic_id = ? and ${transactionGuard}`;
  // Fences of an earlier adoption, if the new cluster is a former one.
  const removed = await session.execute({
    sql: `delete from bronze.load_positions where ${isOfTopic}`,
    binds: keyOf(to),
  });
  mustHaveChanged('fences', removed.rowsChanged, fences.size);
  for (const table of ['load_batches', 'load_positions']) {
    const { rowsChanged } = await session.execute({
      sql: `update bronze.${table} set cluster_id = ?, topic_id = ? where ${isOfTopic}`,
      binds: [to.clusterId, to.topicId, ...keyOf(from)],
    });
    if (table === 'load_positions') mustHaveChanged('positions', rowsChanged, positions.size);
  }
  const { rowsChanged } = await session.execute({
    sql: `insert into bronze.load_positions (cluster_id, topic, topic_id, kafka_partition, next_offset, updated_at)
          select ?, topic, ?, kafka_partition, ${fencePosition}, ?::timestamp_ntz from bronze.load_positions where ${isOfTopic}`,
    binds: [from.clusterId, from.topicId, timestampText(now), ...keyOf(to)],
  });
  mustHaveChanged('fences', rowsChanged, positions.size);
}
