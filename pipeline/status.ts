import { existsSync } from 'node:fs';
import { systemClock } from '../lib/clock.ts';
import { lastRunReportSql } from '../lib/dbt/transform-state.ts';
import type { KafkaAdmin } from '../lib/kafka/admin.ts';
import type { Offsets } from '../lib/kafka/topic.ts';
import { openDuckDbReader } from '../lib/warehouse/duckdb/reader.ts';
import type { WarehouseReader } from '../lib/warehouse/warehouse.ts';
import { topics } from '../schemas/topics.ts';
import { type Context, openPlatform } from './platform.ts';
import { groups } from './stages.ts';

type Rows = Record<string, unknown>[];

/** What an engineer on call looks at first. */
export interface Status {
  readonly topics: Rows;
  readonly layers: Rows;
  readonly 'last dbt run': Rows;
}

/** Reads Kafka, the ledger and dbt's own record of its runs. @throws KafkaError, WarehouseUnavailableError. */
export async function readStatus(context: Context): Promise<Status> {
  await using platform = openPlatform(context);
  const { admin, clusterId } = await platform.kafka();
  const { duckdbPath: path, lockWaitMs } = context.config.warehouse;
  if (!existsSync(path)) return { topics: await lags(admin, new Map()), layers: [], 'last dbt run': [] };
  await using reader = await openDuckDbReader({ path, lockWaitMs, clock: systemClock, signal: context.signal });
  return {
    topics: await lags(admin, await ledgerPositions(reader, clusterId)),
    ...(await readLayers(reader)),
  };
}

/** Topic → what its consumer has done. For the raw topics that is the ledger, never Kafka's committed offset. */
async function lags(admin: KafkaAdmin, ledger: ReadonlyMap<string, Offsets>): Promise<Rows> {
  const fetched = await admin.committedOffsets(groups.movieDetails, topics.movieIds);
  const consumers: [string, string, Offsets | null][] = [
    [topics.movieIds, groups.movieDetails, fetched],
    [topics.rawMovies, groups.bronzeLoader, ledger.get(topics.rawMovies) ?? new Map()],
    [topics.rawGenres, groups.bronzeLoader, ledger.get(topics.rawGenres) ?? new Map()],
    [topics.deadLetters, '-', null],
  ];
  const rows: Rows = [];
  for (const [topic, consumer, done] of consumers) {
    const { low, high } = await admin.topicOffsets(topic);
    const sum = (count: (partition: number, end: bigint) => bigint) =>
      Number([...high].reduce((total, [partition, end]) => total + count(partition, end), 0n));
    const first = (partition: number) => low.get(partition) ?? 0n;
    rows.push({
      topic,
      records: sum((partition, end) => end - first(partition)),
      consumer,
      waiting: done && sum((partition, end) => end - (done.get(partition) ?? first(partition))),
    });
  }
  return rows;
}

async function ledgerPositions(reader: WarehouseReader, clusterId: string): Promise<Map<string, Map<number, bigint>>> {
  const rows = await reader.query('select cluster_id, topic, kafka_partition, next_offset from bronze.load_positions');
  const positions = new Map<string, Map<number, bigint>>();
  for (const row of rows.filter(({ cluster_id }) => cluster_id === clusterId)) {
    const ofTopic = positions.get(String(row['topic'])) ?? new Map<number, bigint>();
    positions.set(
      String(row['topic']),
      ofTopic.set(Number(row['kafka_partition']), BigInt(String(row['next_offset']))),
    );
  }
  return positions;
}

const layersSql = `
  select 'bronze' as layer, max(loaded_at) as moved_at, sum(row_count)::bigint as rows_loaded, count(*) as batches
    from bronze.load_batches`;

/** What dbt has not sealed is in BRONZE and not yet in SILVER and GOLD. */
const transformedSql = `
  select layer, (select max(finished_at) from silver.dbt_runs where is_complete and models_status = 'success') as moved_at,
         null as rows_loaded, (select count(*) from silver.sealed_batches) as batches
    from (values ('silver'), ('gold')) as layers(layer)`;

async function readLayers(reader: WarehouseReader): Promise<Pick<Status, 'layers' | 'last dbt run'>> {
  const known = await reader.query(
    `select 1 from information_schema.tables where table_schema = 'silver' and table_name = 'dbt_runs'`,
  );
  if (known.length === 0) return { layers: await reader.query(layersSql), 'last dbt run': [] };
  return {
    layers: await reader.query(`${layersSql} union all ${transformedSql}`),
    'last dbt run': await reader.query(lastRunReportSql),
  };
}
