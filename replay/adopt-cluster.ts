import { z } from 'zod';
import { tableOf } from '../consumers/raw-row.ts';
import type { TopicOffsets } from '../kafka/cluster-admin.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { PreconditionError, UsageError } from '../runtime/errors.ts';
import { count, offset, type ValueOf } from '../runtime/shape.ts';
import type { Topic } from '../schemas/topics.ts';
import { type Adoption, alreadyLoaded, isFence } from '../warehouse/adoption.ts';
import type { TopicId, WarehouseReader } from '../warehouse/warehouse.ts';
import { isOfTopic, LoadedRows, quoted, storedPositions } from './loaded-rows.ts';
import { MirrorComparison } from './mirror-comparison.ts';
import { largest, type OffsetRange, smallest } from './selection.ts';

export interface AdoptOptions {
  /** The cluster id of the mirrored cluster; absent: the only other one in the ledger. */
  readonly from?: string;
  readonly isDryRun: boolean;
}

/** What was compared, and whether it was adopted. */
export const adoptedShape = z.object({
  isDryRun: z.boolean().describe('whether nothing was written'),
  from: z.string().describe('id of the cluster whose records are in BRONZE'),
  to: z.string().describe('id of the current cluster'),
  partitions: z
    .array(
      z.object({
        topic: z.string().describe('name of a raw topic'),
        partition: count.describe('its partition'),
        from: offset.describe('the first offset that both have'),
        end: offset.describe('the offset at which the loader continues'),
        compared: count.describe('records that are equal to their rows'),
        documents: count.describe('those of them whose documents were compared too'),
        withoutRow: count.describe(
          'records without a row, which are accepted today: they were parked, and `replay raw --all` adds them',
        ),
      }),
    )
    .describe('the partitions of the raw topics'),
});
export type Adopted = ValueOf<typeof adoptedShape>;

/**
 * Compares the raw topics of the current cluster with the rows that were loaded from another one. If they are the same, the ledger
 * records that the current cluster continues the other one: its loader starts at the positions of the other one.
 * @throws UsageError if it is not clear which cluster was mirrored, PreconditionError at the first difference, KafkaError, WarehouseUnavailableError.
 */
export async function adoptCluster(
  platform: Platform,
  context: Context,
  { from, isDryRun }: AdoptOptions,
): Promise<Adopted> {
  const system = warehouseAccess(context);
  if (!system.exists()) throw new UsageError(`${system.name} does not exist: there is nothing to compare`);
  await using reader = await system.openReader({ isShared: true });
  const query: WarehouseReader['query'] = (sql) => reader.query(sql);
  const { cluster, clusterId } = await platform.kafka();
  const { rawMovies, rawGenres } = cluster.topics;
  const former = await formerTopics(query, { clusterId, names: [rawMovies.name, rawGenres.name], from });
  const adoptions: Adoption[] = [];
  const partitions: Adopted['partitions'][number][] = [];
  for (const topic of [rawMovies, rawGenres]) {
    const old = former.get(topic.name);
    if (!old) continue;
    const to = { clusterId, topic: topic.name, topicId: await cluster.admin.topicId(topic.name) };
    // Fences do not count: the current cluster is a former one, and BRONZE moves back to it.
    if (![...(await storedPositions(query, to)).values()].every(isFence)) throw alreadyLoaded(to);
    const positions = await storedPositions(query, old);
    adoptions.push({ from: old, to, positions });
    partitions.push(...(await compareTopic(platform, query, { topic, old, positions, signal: context.signal })));
  }
  if (!partitions.some(({ compared }) => compared > 0)) {
    throw new PreconditionError(
      'BRONZE and the cluster have no record in common that could be compared. Nothing was changed',
    );
  }
  if (!isDryRun) await system.adopt(adoptions);
  return { isDryRun, from: adoptions[0]?.from.clusterId ?? '', to: clusterId, partitions };
}

/** The newest topic of each name in the ledger that is of the mirrored cluster. */
async function formerTopics(
  query: WarehouseReader['query'],
  {
    clusterId,
    names,
    from,
  }: { readonly clusterId: string; readonly names: readonly string[]; readonly from: string | undefined },
): Promise<ReadonlyMap<string, TopicId>> {
  const lines = await query(
    // Not by load_seq: a purge gives new numbers to old batches.
    `select cluster_id, topic, topic_id, max(loaded_at) as newest from bronze.load_batches
      where topic in (${names.map(quoted).join(', ')}) and cluster_id <> ${quoted(clusterId)}
      group by cluster_id, topic, topic_id order by newest`,
  );
  const clusters = [...new Set(lines.map((line) => String(line['cluster_id'])))];
  if (clusterId === from) throw new UsageError('--from is the current cluster: name the one that was mirrored');
  if (clusters.length === 0)
    throw new UsageError('BRONZE has no records of another cluster: there is nothing to adopt');
  if (from === undefined && clusters.length > 1) {
    throw new UsageError(`BRONZE has records of several other clusters: add --from and one of ${clusters.join(', ')}`);
  }
  const wanted = from ?? clusters[0] ?? '';
  if (!clusters.includes(wanted)) {
    throw new UsageError(`BRONZE has no records of the cluster ${wanted}, but of ${clusters.join(', ')}`);
  }
  const ofCluster = lines.filter((line) => line['cluster_id'] === wanted);
  return new Map(
    ofCluster.map((line) => {
      const topic = String(line['topic']);
      return [topic, { clusterId: wanted, topic, topicId: String(line['topic_id'] ?? '') }];
    }),
  );
}

interface TopicComparison {
  readonly topic: Topic;
  readonly old: TopicId;
  readonly positions: ReadonlyMap<number, bigint>;
  readonly signal: AbortSignal;
}

async function compareTopic(
  platform: Platform,
  query: WarehouseReader['query'],
  { topic, old, positions, signal }: TopicComparison,
): Promise<Adopted['partitions'][number][]> {
  const { cluster } = await platform.kafka();
  const rows = new LoadedRows(query, tableOf(cluster.topics, topic.name), old);
  const firsts = await firstOffsets(query, old);
  const present = await cluster.admin.topicOffsets(topic.name);
  const shared = new Map(
    [...positions].map(([partition, next]) => {
      const range = sharedRange(partition, firsts.get(partition) ?? next, next, present);
      return [
        partition,
        { range, comparison: new MirrorComparison(cluster.topics, { topic: topic.name, partition }, range, rows) },
      ];
    }),
  );
  const compare = async (record: { readonly partition: number } & Parameters<MirrorComparison['compare']>[0]) => {
    signal.throwIfAborted();
    const found = shared.get(record.partition);
    if (found && record.offset >= found.range.from) await found.comparison.compare(record);
  };
  await cluster.readTopic(topic, compare);
  for (const { comparison } of shared.values()) await comparison.finish();
  for (const [partition, next] of positions) refuseShorter(topic.name, partition, next, present);
  return [...shared].map(
    ([
      partition,
      {
        range: { from },
        comparison: { compared, documents, withoutRow },
      },
    ]) => {
      const end = positions.get(partition) ?? 0n;
      return { topic: topic.name, partition, from, end, compared, documents, withoutRow };
    },
  );
}

async function firstOffsets(query: WarehouseReader['query'], topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
  const rows = await query(
    `select kafka_partition, min(first_offset) as first_offset from bronze.load_batches where ${isOfTopic(topic)} group by kafka_partition`,
  );
  return new Map(rows.map((row) => [Number(row['kafka_partition']), BigInt(String(row['first_offset']))]));
}

/** The offsets of a partition that both have. */
const sharedRange = (partition: number, first: bigint, next: bigint, { low, high }: TopicOffsets): OffsetRange => ({
  from: largest(low.get(partition) ?? 0n, first),
  end: smallest(high.get(partition) ?? 0n, next),
});

/** The loader would continue beyond the end, or beyond records that it has never loaded. */
function refuseShorter(topic: string, partition: number, next: bigint, { low, high }: TopicOffsets): void {
  const [first, end] = [low.get(partition) ?? 0n, high.get(partition) ?? 0n];
  if (first <= next && next <= end) return;
  throw new PreconditionError(
    `the cluster has the offsets ${first} to ${end} of ${topic}/${partition}, and BRONZE was loaded up to ${next}: wait until the mirror ` +
      'has all records. Nothing was changed',
  );
}
