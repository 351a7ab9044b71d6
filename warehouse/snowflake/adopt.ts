import { type Adoption, areSamePositions, refuseMovedPositions } from '../adoption.ts';
import { SnowflakeClient } from './client.ts';
import { storedPositions } from './ledger.ts';
import { mustHaveChanged, takeLoadLock, untilUnlocked } from './load-lock.ts';
import type { SessionOptions, SnowflakeSession } from './session.ts';

const positionsOf = (session: SnowflakeSession, topic: Adoption['from']) =>
  storedPositions(session, 'bronze.load_positions', topic);

/** `WarehouseAccess.adopt` for Snowflake. @throws the errors of `openSnowflakeSession`. */
export async function adoptInSnowflake(options: SessionOptions, adoptions: readonly Adoption[]): Promise<void> {
  await using client = new SnowflakeClient(options);
  const adoptAll = async (session: SnowflakeSession) => {
    const { transactionGuard } = await takeLoadLock(session);
    for (const adoption of adoptions) {
      const { from, to, positions } = adoption;
      refuseMovedPositions(adoption, await positionsOf(session, from), await positionsOf(session, to));
      for (const table of ['load_batches', 'load_positions']) {
        const { rowsChanged } = await session.execute({
          sql: `update bronze.${table} set cluster_id = ?, topic_id = ?
                 where cluster_id = ? and topic = ? and topic_id = ? and ${transactionGuard}`,
          binds: [to.clusterId, to.topicId, from.clusterId, from.topic, from.topicId],
        });
        if (table === 'load_positions') mustHaveChanged('positions', rowsChanged, positions.size);
      }
    }
  };
  const isDone = async (session: SnowflakeSession) => {
    for (const { to, positions } of adoptions) {
      if (!areSamePositions(await positionsOf(session, to), positions)) return false;
    }
    return true;
  };
  await untilUnlocked(options.clock, () => client.transaction(adoptAll, isDone));
}
