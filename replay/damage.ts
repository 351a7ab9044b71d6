import { refusalOf } from '../consumers/park-refused.ts';
import { tableOf } from '../consumers/raw-row.ts';
import { type ConsumerRecord, isAfter, type RecordPosition } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { decodeOrNull } from '../schemas/codec.ts';
import { movieIdCodec } from '../schemas/codecs.ts';
import { maxAheadMs, movieIdOf, problemOfId } from '../schemas/record-rules.ts';
import type { MovieId } from '../schemas/records.ts';
import type { Topic } from '../schemas/topics.ts';
import { hasTable } from '../transform/layers.ts';
import { timestampOf } from '../transform/state.ts';
import type { WarehouseReader } from '../warehouse/warehouse.ts';
import { quoted } from './loaded-rows.ts';

/** The damage by records that are no longer accepted. */
export interface Damage {
  readonly badKeys: number;
  readonly refusedRecords: number;
  readonly rowsToPark: number;
  readonly rowsLeftOut: number;
  /** Whether SILVER has a time in the future. */
  readonly isSilverAhead: boolean;
  /** Movies that must be requested again. */
  readonly movies: ReadonlySet<number>;
  /** What must be rewritten in each topic of ids. */
  readonly keys: readonly KeysToReplace[];
}

/** Keys of a topic of ids whose newest record is refused. */
export interface KeysToReplace {
  readonly topic: Topic<MovieId>;
  /** Movies whose record must be rewritten. */
  readonly movies: ReadonlySet<number>;
  /** Keys that belong to no movie. */
  readonly otherKeys: readonly Buffer[];
}

/** Reads all topics and queries BRONZE; writes nothing. @param now milliseconds since the epoch. @throws as `repair` does. */
export async function findDamage(platform: Platform, context: Context, now: number): Promise<Damage> {
  const { movieIds, movieIdsBackfill, ...topics } = context.config.kafka.topics;
  const first = await findBadKeys(platform, movieIds, now);
  const backfill = await findBadKeys(platform, movieIdsBackfill, now);
  const badKeys = [first, backfill].reduce((sum, keys) => sum + keys.movies.size + keys.otherKeys.length, 0);
  const ofKeys = new Set([...first.movies, ...backfill.movies]);
  const refused = [];
  for (const topic of [topics.rawMovies, topics.rawGenres]) {
    context.signal.throwIfAborted();
    refused.push(await findRefused(platform, topic, now));
  }
  const refusedRecords = refused.reduce((sum, { count }) => sum + count, 0);
  const inWarehouse = await findRows(platform, context, refused, now);
  // What is wrong only in the warehouse is requested like a movie of the first topic.
  const inFirst = new Set([...first.movies, ...[...inWarehouse.movies].filter((movieId) => !ofKeys.has(movieId))]);
  const keys = [{ ...first, movies: inFirst }, backfill];
  const movies = ofKeys.union(inFirst);
  return { badKeys, refusedRecords, ...inWarehouse, movies, keys };
}

/** Keys whose newest record the fetcher and the producers' memory refuse. */
async function findBadKeys(platform: Platform, topic: Topic<MovieId>, now: number): Promise<KeysToReplace> {
  const { cluster } = await platform.kafka();
  const newest = new Map<string, RecordPosition & { readonly isBad: boolean }>();
  await cluster.readTopic(topic, (record) => {
    if (record.key === null) return;
    const key = record.key.toString('latin1');
    const known = newest.get(key);
    if (known && !isAfter(record, known)) return;
    const { partition, offset, timestamp } = record;
    newest.set(key, { partition, offset, timestamp, isBad: isBadId(record, now) });
  });
  const keys = [...newest].flatMap(([key, { isBad }]) => (isBad ? [Buffer.from(key, 'latin1')] : []));
  return {
    topic,
    movies: new Set(keys.flatMap((key) => movieIdOf(key) ?? [])),
    otherKeys: keys.filter((key) => movieIdOf(key) === null),
  };
}

function isBadId({ key, value, unusable }: ConsumerRecord, now: number): boolean {
  if (unusable) return true;
  if (value === null) return false;
  const id = decodeOrNull(movieIdCodec, value);
  return id === null || problemOfId(key, id, now) !== null;
}

/** The refused records of a raw topic: their offsets by partition, and the movie that each one's key names. */
interface Refused {
  readonly topic: Topic;
  readonly count: number;
  readonly partitions: ReadonlyMap<number, ReadonlyMap<bigint, number | null>>;
}

async function findRefused(platform: Platform, topic: Topic, now: number): Promise<Refused> {
  const { cluster } = await platform.kafka();
  const partitions = new Map<number, Map<bigint, number | null>>();
  let count = 0;
  await cluster.readTopic(topic, (record) => {
    if (!refusalOf(cluster.topics, record, now)) return;
    const ofPartition = partitions.get(record.partition) ?? new Map<bigint, number | null>();
    partitions.set(record.partition, ofPartition.set(record.offset, movieIdOf(record.key)));
    count += 1;
  });
  return { topic, count, partitions };
}

/** The damage in BRONZE and SILVER; none if there is no warehouse yet. */
async function findRows(
  platform: Platform,
  context: Context,
  refused: readonly Refused[],
  now: number,
): Promise<Pick<Damage, 'rowsToPark' | 'rowsLeftOut' | 'isSilverAhead'> & { readonly movies: readonly number[] }> {
  const none = { rowsToPark: 0, rowsLeftOut: 0, isSilverAhead: false, movies: [] };
  const system = warehouseAccess(context);
  if (!system.exists()) return none;
  await using reader = await system.openReader();
  if (!(await hasTable((sql) => reader.query(sql), 'bronze', 'load_batches'))) return none;
  const loaded: (number | null)[] = [];
  for (const one of refused) loaded.push(...(await loadedOf(platform, reader, one)));
  const unbelieved = `fetched_at > ${timestampOf(new Date(now + maxAheadMs))} or ${aheadOfLoader} or movie_id < 1`;
  const movies = await reader.query(
    `select movie_id, count(case when ${unbelieved} then 1 end) as left_out, count(*) as answers
       from bronze.raw_movies group by movie_id having count(case when ${unbelieved} then 1 end) > 0`,
  );
  const isWithout = (row: Record<string, unknown>) => Number(row['left_out']) === Number(row['answers']);
  const leftWithout = movies.filter(isWithout).map((row) => Number(row['movie_id']));
  return {
    rowsToPark: loaded.length,
    rowsLeftOut: movies.reduce((sum, row) => sum + Number(row['left_out']), 0),
    isSilverAhead: await isSilverAhead(reader, now),
    movies: [...loaded, ...leftWithout].filter((movieId) => movieId !== null && movieId > 0) as number[],
  };
}

const aheadOfLoader = `fetched_at > ingested_at + interval '1 hour'`;

/** Whether SILVER has what incremental builds would keep: times in the future, or answers that a rebuild has removed from BRONZE. */
async function isSilverAhead(reader: WarehouseReader, now: number): Promise<boolean> {
  const query = (sql: string) => reader.query(sql);
  const future = `select count(*) as ahead from silver.silver_movies where _fetched_at > ${timestampOf(new Date(now + maxAheadMs))}`;
  for (const [table, sql] of [
    ['silver_movies', future],
    ['silver_movie_observations', removedSql],
  ] as const) {
    if (!(await hasTable(query, 'silver', table))) continue;
    const [row] = await query(sql);
    if (Number(row?.['ahead']) > 0) return true;
  }
  return false;
}

const removedSql = `
select count(*) as ahead from silver.silver_movie_observations as known
where not exists (
  select 1 from bronze.raw_movies as records
  where records.movie_id = known.movie_id and records.fetched_at = known._fetched_at
)`;

/** Offsets per query. */
const atOnce = 1_000;

/** The movies of refused records that are rows of BRONZE, one entry for each row. */
async function loadedOf(
  platform: Platform,
  reader: WarehouseReader,
  { topic, partitions }: Refused,
): Promise<(number | null)[]> {
  if (partitions.size === 0) return [];
  const { cluster, clusterId } = await platform.kafka();
  const topicId = await cluster.admin.topicId(topic.name);
  const table = tableOf(cluster.topics, topic.name);
  const loaded: (number | null)[] = [];
  for (const [partition, movies] of partitions) {
    const offsets = [...movies.keys()];
    for (let from = 0; from < offsets.length; from += atOnce) {
      const rows = await reader.query(`
        select raw.kafka_offset as record_offset
          from bronze.${table} as raw
          join bronze.load_batches as batches on raw.batch_id = batches.batch_id and raw.load_seq = batches.load_seq
         where batches.cluster_id = ${quoted(clusterId)} and batches.topic = '${topic.name}'
           and batches.topic_id in ('${topicId}', '') and batches.kafka_partition = ${partition}
           and raw.kafka_offset in (${offsets.slice(from, from + atOnce).join(', ')})`);
      loaded.push(...rows.map((row) => movies.get(BigInt(String(row['record_offset']))) ?? null));
    }
  }
  return loaded;
}
