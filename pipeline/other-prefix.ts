import { KafkaError } from '../kafka/errors.ts';
import type { Context } from '../platform/context.ts';
import { openPlatform } from '../platform/platform.ts';
import { topicNames } from '../schemas/topic-names.ts';
import { hasTable } from '../transform/layers.ts';
import type { WarehouseReader } from '../warehouse/warehouse.ts';

/**
 * The raw topics of this cluster whose records are in BRONZE, and whose names begin with another KAFKA_TOPIC_PREFIX: the prefix was changed, or
 * another deployment has the same warehouse. None if Kafka is out of reach. @throws WarehouseUnavailableError.
 */
export async function topicsOfOtherPrefixes(context: Context, reader: WarehouseReader): Promise<readonly string[]> {
  if (!(await hasTable((sql) => reader.query(sql), 'bronze', 'load_positions'))) return [];
  const { rawMovies, rawGenres } = context.config.kafka.topics;
  const loaded = await reader.query('select distinct cluster_id, topic from bronze.load_positions order by topic');
  const others = loaded
    .map((row) => ({ cluster: row['cluster_id'], topic: String(row['topic']) }))
    .filter(({ topic }) => topic !== rawMovies.name && topic !== rawGenres.name)
    .filter(({ topic }) => topic.endsWith(topicNames.rawMovies) || topic.endsWith(topicNames.rawGenres));
  if (others.length === 0) return [];
  const clusterId = await presentCluster(context);
  return others.filter(({ cluster }) => cluster === clusterId).map(({ topic }) => topic);
}

async function presentCluster(context: Context): Promise<string | null> {
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'leave', kafkaPatienceMs: 5_000 });
  try {
    return (await platform.kafka()).clusterId;
  } catch (error) {
    if (error instanceof KafkaError) return null;
    throw error;
  }
}
