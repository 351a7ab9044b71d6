import type { KafkaAdmin } from '../kafka/cluster-admin.ts';
import { lagOf } from '../kafka/lag.ts';
import type { Offsets } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import { openPlatform, type Platform } from '../platform/platform.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { systemClock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import { formatDuration } from '../runtime/units.ts';
import { hasTable, readLayerTimes } from '../transform/layers.ts';
import { lastRunReportSql } from '../transform/state.ts';
import type { WarehouseReader } from '../warehouse/warehouse.ts';
import { readCost } from './cost.ts';

type Rows = Record<string, unknown>[];

/** The status for an engineer on call. */
export interface Status {
  readonly topics: Rows;
  readonly tokens: Rows;
  readonly layers: Rows;
  readonly 'last flush': Rows;
  /** Only if the warehouse is billed: the cost of a day. */
  readonly 'last 24 hours at Snowflake': Rows;
  readonly 'last dbt run': Rows;
  readonly 'failed in it': Rows;
}

/** Keeps its clients open, because `--watch` reads repeatedly. */
export interface StatusReader extends AsyncDisposable {
  /** Reads Kafka, the bucket, the ledger and dbt's record of its runs. If a part is unreachable, its rows are the error. */
  read(): Promise<Status>;
}

export function openStatus(context: Context): StatusReader {
  const open = () => openPlatform(context, { mayJoinBroker: true, topics: 'look', kafkaPatienceMs: 5_000 });
  let platform = open();
  return {
    read: async () => {
      const status = await readStatus(platform, context);
      if (isUnread(status.topics)) {
        // A platform keeps the result of its first connection attempt, so the next read needs a new one.
        await platform[Symbol.asyncDispose]();
        platform = open();
      }
      return status;
    },
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
}

/** How long (ms) to wait for another process that has the DuckDB file open; twice as long for the lock. */
const lookMs = 1_500;

/**
 * Reads each part independently: the status matters most when a part is unreachable, and its rows then give the reason. Parts that need
 * the warehouse wait for it only briefly.
 */
async function readStatus(platform: Platform, context: Context): Promise<Status> {
  const { signal } = context;
  const orError = async <T>(read: () => Promise<T>, instead: (rows: Rows) => T): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      signal.throwIfAborted();
      return instead([{ error: messageOf(error).split('\n')[0] }]);
    }
  };
  const reading = orError<Warehouse>(
    () => readWarehouse(context),
    (rows) => ({ positions: null, tables: unread(context, rows) }),
  );
  const topics = async () => {
    const { cluster, clusterId } = await platform.kafka();
    return lags(context, cluster.admin, clusterId, (await reading).positions);
  };
  const [topicRows, tokens, warehouse] = await Promise.all([
    orError(topics, (rows) => rows),
    orError(
      () => readTokens(platform),
      (rows) => rows,
    ),
    reading,
  ]);
  return { topics: topicRows, tokens, ...warehouse.tables };
}

/** Whether a part could not be read: then its rows are an error. */
export const isPartial = (status: Status): boolean => Object.values(status).some(isUnread);

const isUnread = (rows: Rows): boolean => rows.some((row) => 'error' in row);

interface Warehouse {
  /** null: they could not be read. */
  readonly positions: Positions | null;
  readonly tables: Omit<Status, 'topics' | 'tokens'>;
}

/** Gives the reason in every part that needs the warehouse. */
const unread = ({ config }: Context, rows: Rows): Warehouse['tables'] => ({
  layers: rows,
  'last flush': rows,
  'last 24 hours at Snowflake': config.warehouse.snowflake ? rows : [],
  'last dbt run': rows,
  'failed in it': [],
});

async function readTokens(platform: Platform): Promise<Rows> {
  if (!(await platform.isBucketShared())) return [];
  const { capacity, windowMs, tokensLeft, waiting, pausedMs } = await (await platform.bucket()).state();
  const seconds = { window_seconds: windowMs / 1_000, paused_seconds: pausedMs / 1_000 };
  return [{ left: tokensLeft, capacity, ...seconds, requests_waiting: waiting }];
}

/** For each topic, by `topicKey`, the first offsets that are not in BRONZE yet. */
type Positions = Map<string, Map<number, bigint>>;

const topicKey = (...ids: readonly unknown[]) => ids.join('/');

async function readWarehouse(context: Context): Promise<Warehouse> {
  const system = warehouseAccess(context);
  const nothing = { positions: new Map() as Positions, tables: noTables };
  if (!system.exists()) return nothing;
  await using reader = await system.openReader({ lookMs });
  if (!(await hasTable((sql) => reader.query(sql), 'bronze', 'load_batches'))) return nothing;
  return {
    positions: await ledgerPositions(reader),
    tables: await readTables(reader, context),
  };
}

/**
 * Topic → what its consumer has finished. For the raw topics this comes from the ledger, never from Kafka's committed offset; without the
 * ledger, it is unknown.
 */
async function lags(
  { config }: Context,
  admin: KafkaAdmin,
  clusterId: string,
  positions: Positions | null,
): Promise<Rows> {
  const { topics, groups } = config.kafka;
  // A look creates no topic. A missing one has no records.
  const missing: readonly string[] = await admin.missingTopics();
  const inLedger = async (topic: string): Promise<Offsets | null> => {
    if (positions === null || missing.includes(topic)) return positions && new Map();
    return positions.get(topicKey(clusterId, topic, await admin.topicId(topic))) ?? new Map();
  };
  const fetched = missing.includes(topics.movieIds.name)
    ? new Map()
    : await admin.committedOffsets(groups.movieDetails, topics.movieIds.name);
  const consumers: [string, string, Offsets | null][] = [
    [topics.movieIds.name, groups.movieDetails, fetched],
    [topics.rawMovies.name, groups.bronzeLoader, await inLedger(topics.rawMovies.name)],
    [topics.rawGenres.name, groups.bronzeLoader, await inLedger(topics.rawGenres.name)],
    [topics.deadLetters.name, '-', null],
  ];
  const rows: Rows = [];
  for (const [topic, consumer, done] of consumers) {
    const counts = missing.includes(topic)
      ? { records: 0, waiting: done && 0, oldest_waiting_seconds: null }
      : await countsOf(admin, topic, done);
    const { records, ...lag } = counts;
    rows.push({ topic, records, consumer, ...lag });
  }
  return rows;
}

/** The records of a topic, and how many of them its consumer has not done. */
async function countsOf(admin: KafkaAdmin, topic: string, done: Offsets | null) {
  const { low, high } = await admin.topicOffsets(topic);
  const records = [...high].reduce((sum, [partition, end]) => sum + end - (low.get(partition) ?? 0n), 0n);
  const lag = done && (await lagOf(admin, topic, done, systemClock.now()));
  return {
    records: Number(records),
    waiting: lag?.records ?? null,
    oldest_waiting_seconds: lag?.seconds ?? null,
  };
}

async function ledgerPositions(reader: WarehouseReader): Promise<Positions> {
  const positions: Positions = new Map();
  for (const row of await reader.query('select * from bronze.load_positions')) {
    const key = topicKey(row['cluster_id'], row['topic'], row['topic_id']);
    const ofTopic = positions.get(key) ?? new Map<number, bigint>();
    positions.set(key, ofTopic.set(Number(row['kafka_partition']), BigInt(String(row['next_offset']))));
  }
  return positions;
}

const noTables = {
  layers: [],
  'last flush': [],
  'last 24 hours at Snowflake': [],
  'last dbt run': [],
  'failed in it': [],
};

const loadedSql = 'select cast(sum(row_count) as bigint) as rows_loaded, count(*) as batches from bronze.load_batches';

/** Batches that dbt has not sealed are in BRONZE but not in SILVER and GOLD. */
const sealedSql = 'select null as rows_loaded, count(*) as batches from silver.sealed_batches';

/** One transaction of the loader contains several batches with the same time, one for each partition. */
const lastFlushSql = `
  select loaded_at, cast(sum(row_count) as bigint) as loaded_rows, count(*) as batches, cast(sum(payload_bytes) as bigint) as bytes
    from bronze.load_batches
   where loaded_at = (select max(loaded_at) from bronze.load_batches)
   group by loaded_at`;

const failedSql = `
  select results.node_name as name, results.resource_type as kind, results.status, results.failures
    from silver.dbt_results as results
    join silver.dbt_runs as runs on runs.invocation_id = results.invocation_id
   where runs.finished_at = (select max(finished_at) from silver.dbt_runs)
     and results.status in ('error', 'fail', 'warn')
   order by results.node_name`;

async function readTables(reader: WarehouseReader, { config }: Context): Promise<Omit<Status, 'topics' | 'tokens'>> {
  const { snowflake } = config.warehouse;
  const rawMovies = config.kafka.topics.rawMovies.name;
  const hasRuns = await hasTable((sql) => reader.query(sql), 'silver', 'dbt_runs');
  return {
    layers: await readLayers(reader, hasRuns),
    'last flush': await reader.query(lastFlushSql),
    'last 24 hours at Snowflake': snowflake
      ? await readCost(reader, snowflake, { hasRuns, rawMovies, now: systemClock.now() })
      : [],
    'last dbt run': hasRuns ? await reader.query(lastRunReportSql) : [],
    'failed in it': hasRuns ? await reader.query(failedSql) : [],
  };
}

async function readLayers(reader: WarehouseReader, hasRuns: boolean): Promise<Rows> {
  const movedAt = await readLayerTimes((sql) => reader.query(sql));
  const [loaded] = await reader.query(loadedSql);
  const [sealed] = hasRuns ? await reader.query(sealedSql) : [];
  const now = systemClock.now();
  const layers = hasRuns ? (['bronze', 'silver', 'gold'] as const) : (['bronze'] as const);
  return layers.map((layer) => {
    const at = movedAt[layer];
    return {
      layer,
      moved_at: at === undefined ? null : new Date(at).toISOString(),
      age: at === undefined ? null : formatDuration(Math.max(0, now - at)),
      ...(layer === 'bronze' ? loaded : sealed),
    };
  });
}
