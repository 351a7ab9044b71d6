import type { DuckDBConnection } from '@duckdb/node-api';
import { type Adoption, fencePosition, refuseMovedPositions } from '../adoption.ts';
import { timestampText } from '../numbered-batch.ts';
import type { DuckDbFileOptions } from './file.ts';
import { isOfTopic, keyOf, storedPositions } from './ledger.ts';
import { dropRebuild } from './rebuild.ts';
import { openSharedFile } from './shared-file.ts';

/** `WarehouseAccess.adopt` for a DuckDB file. @throws the errors of `openDuckDbFile`. */
export async function adoptInDuckDb(options: DuckDbFileOptions, adoptions: readonly Adoption[]): Promise<void> {
  await using file = await openSharedFile(options);
  await file.transaction(async (connection) => {
    for (const adoption of adoptions) await adoptOne(connection, adoption, new Date(options.clock.now()));
    // An unfinished rebuild has records of the former cluster.
    await dropRebuild(connection);
  });
}

async function adoptOne(connection: DuckDBConnection, adoption: Adoption, now: Date): Promise<void> {
  const { from, to } = adoption;
  const read = (topic: Adoption['from']) => storedPositions(connection, 'bronze.load_positions', topic);
  refuseMovedPositions(adoption, await read(from), await read(to));
  // Fences of an earlier adoption, if the new cluster is a former one.
  await connection.run(`delete from bronze.load_positions where ${isOfTopic}`, keyOf(to));
  for (const table of ['load_positions', 'load_batches']) {
    await connection.run(`update bronze.${table} set cluster_id = $4, topic_id = $5 where ${isOfTopic}`, [
      ...keyOf(from),
      ...[to.clusterId, to.topicId],
    ]);
  }
  await connection.run(
    `insert into bronze.load_positions (cluster_id, topic, topic_id, kafka_partition, next_offset, updated_at)
     select $4, topic, $5, kafka_partition, ${fencePosition}, $6::timestamp from bronze.load_positions where ${isOfTopic}`,
    [...keyOf(to), from.clusterId, from.topicId, timestampText(now)],
  );
}
