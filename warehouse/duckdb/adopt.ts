import type { Adoption } from '../adoption.ts';
import { refuseMovedPositions } from '../adoption.ts';
import type { DuckDbFileOptions } from './file.ts';
import { isOfTopic, keyOf, storedPositions } from './ledger.ts';
import { openSharedFile } from './shared-file.ts';

/** `WarehouseAccess.adopt` for a DuckDB file. @throws the errors of `openDuckDbFile`. */
export async function adoptInDuckDb(options: DuckDbFileOptions, adoptions: readonly Adoption[]): Promise<void> {
  await using file = await openSharedFile(options);
  await file.transaction(async (connection) => {
    const read = (topic: Adoption['from']) => storedPositions(connection, 'bronze.load_positions', topic);
    for (const adoption of adoptions) {
      const { from, to } = adoption;
      refuseMovedPositions(adoption, await read(from), await read(to));
      for (const table of ['load_positions', 'load_batches']) {
        await connection.run(`update bronze.${table} set cluster_id = $4, topic_id = $5 where ${isOfTopic}`, [
          ...keyOf(from),
          ...[to.clusterId, to.topicId],
        ]);
      }
    }
  });
}
