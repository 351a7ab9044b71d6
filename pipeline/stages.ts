import { z } from 'zod';
import { type MovieOutcome, type MovieOutcomes, runFetcher } from '../consumers/fetcher.ts';
import { type Flush, runLoader } from '../consumers/loader.ts';
import { sharedTopics } from '../consumers/shared-topics.ts';
import type { KafkaAdmin } from '../kafka/cluster-admin.ts';
import { offsetsOf } from '../kafka/commit.ts';
import { commitsWithFormer } from '../kafka/former-group.ts';
import type { Gap } from '../kafka/gap.ts';
import type { Offsets } from '../kafka/topic.ts';
import { WorkAhead } from '../kafka/work-ahead.ts';
import type { Config } from '../platform/config.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { type GenresLook, produceGenres } from '../producers/genres.ts';
import { type KnownMovies, type ReadTopic, readKnownGenres, readKnownMovies } from '../producers/known-movies.ts';
import { type PopularWalk, producePopular, UnusableListError } from '../producers/popular.ts';
import { systemClock } from '../runtime/clock.ts';
import { serviceNames } from '../runtime/service-names.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';
import type { Topic } from '../schemas/topics.ts';
import type { WarehouseAccess } from '../warehouse/system.ts';
import { type Warehouse, WarehouseUnavailableError } from '../warehouse/warehouse.ts';
import { takeOver } from './older-version.ts';
import { tellWaits } from './waiting.ts';

const genreLanguage = 'en';

/** When each known movie was last requested. @throws KafkaError. */
export async function knownMovies(platform: Platform, context: Context): Promise<KnownMovies> {
  const { cluster } = await platform.kafka();
  const { movieIds } = cluster.topics;
  const readIds: ReadTopic = (onRecord) => cluster.readTopic(movieIds, onRecord);
  const { known, ignored } = await readKnownMovies(readIds, systemClock.now());
  noteIgnored(context, movieIds.name, ignored);
  return known;
}

/**
 * Walks the popular list and publishes movies that are not fresh.
 * @param known from `knownMovies`, if the caller has read it. @throws the errors of `producePopular`.
 */
export async function walkPopular(
  platform: Platform,
  context: Context,
  pages: number,
  known?: KnownMovies,
): Promise<PopularWalk> {
  const { config, log, progress, signal, metrics } = context;
  const { cluster } = await platform.kafka();
  const { movieIds } = cluster.topics;
  const walk = await producePopular(
    {
      tmdb: await platform.tmdb(),
      movieIds: cluster.sink(movieIds),
      known: known ?? (await knownMovies(platform, context)),
      clock: systemClock,
      log,
      onProgress: ({ pagesRead, pagesTotal }) =>
        progress.update('walk', { done: pagesRead, total: pagesTotal, unit: 'pages' }),
    },
    { pages, refreshAfterMs: config.tmdb.refreshAfterMs },
    signal,
  ).catch((error) => {
    if (error instanceof UnusableListError) countWalk(context, error.walk);
    throw error;
  });
  countWalk(context, walk);
  metrics.walkedAt.set({ list: 'popular' }, systemClock.now() / 1_000);
  return walk;
}

function countWalk({ metrics }: Context, { published, itemsSkipped, pagesFailed }: PopularWalk): void {
  metrics.idsPublished.inc(published);
  metrics.itemsSkipped.inc({ list: 'popular' }, itemsSkipped);
  metrics.pagesFailed.inc({ list: 'popular' }, pagesFailed);
}

/** Counts the records that the memory rejects, and logs them once for each walk. */
function noteIgnored({ log, metrics }: Context, topic: string, ignored: number): void {
  metrics.recordsIgnored.inc({ topic }, ignored);
  if (ignored === 0) return;
  log.warn({ topic, ignored }, 'ignored records with a wrong key or a time in the future; "repair" replaces them');
}

/** Publishes the genre list unless it was published less than `refreshAfterMs` ago. @throws the errors of TmdbClient. */
export async function fetchGenres(platform: Platform, context: Context, refreshAfterMs: number): Promise<GenresLook> {
  const { cluster } = await platform.kafka();
  const { rawGenres } = cluster.topics;
  const readGenres: ReadTopic = (onRecord) => cluster.readTopic(rawGenres, onRecord);
  const { known, ignored } = await readKnownGenres(readGenres, systemClock.now());
  noteIgnored(context, rawGenres.name, ignored);
  const look = await produceGenres(
    {
      tmdb: await platform.tmdb(),
      rawGenres: cluster.sink(rawGenres),
      known,
      clock: systemClock,
      log: context.log,
    },
    { language: genreLanguage, refreshAfterMs },
    context.signal,
  );
  context.metrics.itemsSkipped.inc({ list: 'genres' }, look.rowsUnusable);
  context.metrics.walkedAt.set({ list: 'genres' }, systemClock.now() / 1_000);
  return look;
}

/** Without a heartbeat and a fetch for this time (ms), a consumer counts as dead, whatever its client reports. */
const consumerSilenceMs = 90_000;

/** Longer (ms) than any wait within one record or batch for the end of an outage of TMDb, or for a lock. */
const patienceMs = 5 * 60_000;

/** How a stage reads as a group member, and its pulses. A consumer that is alive but makes no progress does not beat its pulse either. */
const groupObserver = (context: Context, stage: 'fetcher' | 'loader') => ({
  group: context.config.kafka.groups[stage],
  stallMs: Math.max(context.config.tmdb.giveUpAfterMs, 2 * warehouseAccess(context).patienceMs) + patienceMs,
  sessionTimeoutMs: context.config.kafka.sessionTimeoutMs,
  onAlive: context.health.pulse(serviceNames[stage], consumerSilenceMs),
  onRebalanced: () => context.metrics.rebalances.inc({ group: context.config.kafka.groups[stage] }),
});

/** Fetches the movies whose ids are waiting, up to `until` or until the signal aborts. @returns the number of ids by outcome. */
export async function fetchMovies(platform: Platform, context: Context, until?: Offsets): Promise<MovieOutcomes> {
  const { config, log, progress, signal, metrics } = context;
  const { cluster, deadLetters } = await platform.kafka();
  const { topics } = config.kafka;
  const outcomes = { fetched: 0, gone: 0, parked: 0, skipped: 0 };
  await takeOver(context, cluster.admin, 'fetcher', [topics.movieIds]);
  if (signal.aborted) return outcomes;
  const total = until && (await waitingIds(config, cluster.admin, until));
  if (total === 0) return outcomes;
  const movieIds = cluster.recordSource(topics.movieIds, {
    concurrency: config.tmdb.concurrency,
    log,
    ...groupObserver(context, 'fetcher'),
    isWaiting: () => platform.tmdbOutage('movie') !== undefined,
    onOthers: tellWaits(context, 'fetch'),
    ahead: workAhead(context),
  });
  let done = 0;
  const { capacity, windowMs } = config.tmdb.rateLimit;
  const maxPerSecond = (capacity / windowMs) * 1_000;
  const ports = {
    movieIds,
    tmdb: await platform.tmdb(),
    rawMovies: cluster.sink(topics.rawMovies),
    deadLetters,
    clock: systemClock,
    log,
    onDone: (outcome: MovieOutcome) => {
      outcomes[outcome] += 1;
      done += 1;
      metrics.movies.inc({ outcome });
      progress.update('fetch', { done, ...(total !== undefined && { total }), unit: 'movies', maxPerSecond });
    },
    onParked: (reason: DeadLetterReason) => metrics.deadLetters.inc({ reason }),
  };
  await runFetcher(ports, { signal, ...(until && { until }) });
  return outcomes;
}

/** Without a successful commit for this time (ms), no new id is fetched. */
const uncommittedMs = 5_000;

/**
 * Limits the answers that are published while their ids are not committed: as many as may be in flight, for some seconds. A kill
 * wastes at most these and the requests in flight. While no new id may be fetched, `/readyz` gives the reason.
 */
function workAhead({ config, metrics, health }: Context): WorkAhead {
  const group = config.kafka.groups.fetcher;
  const limits = { records: config.tmdb.concurrency, ms: uncommittedMs };
  const ahead = new WorkAhead(limits, (records) => metrics.uncommitted.set({ group }, records));
  health.dependsOn('commits', async () => {
    if (ahead.trouble !== null) throw new Error(`nothing new is fetched: ${ahead.trouble}`);
  });
  return ahead;
}

/** Offsets of the ids topic that the fetcher has not committed; compacted ones count, so it is an upper bound. */
export async function waitingIds({ kafka }: Config, admin: KafkaAdmin, until: Offsets): Promise<number> {
  const { name } = kafka.topics.movieIds;
  const { low } = await admin.topicOffsets(name);
  const names = { group: kafka.groups.fetcher, former: kafka.formerGroups.fetcher };
  const committed = offsetsOf(await commitsWithFormer(admin, names, name));
  return [...until].reduce((sum, [partition, end]) => {
    const [next, first] = [committed.get(partition) ?? 0n, low.get(partition) ?? 0n];
    return sum + Math.max(0, Number(end - (next > first ? next : first)));
  }, 0);
}

/** The number of records that were loaded into BRONZE, and that were parked. */
export const loadedShape = z.object({
  rows: count.describe('rows added to BRONZE'),
  parked: count.describe('records that went to dead letters'),
});
export type Loaded = ValueOf<typeof loadedShape>;

export interface LoadOptions {
  /** Exclusive ends; without them, it loads until the signal aborts. */
  readonly until?: Promise<ReadonlyMap<string, Offsets>>;
  /** Accepted gaps. */
  readonly acceptedGaps?: readonly Gap[];
}

/** Loads BRONZE. @throws GapError if Kafka no longer has records that were never loaded. */
export async function loadBronze(
  platform: Platform,
  context: Context,
  { until, acceptedGaps = [] }: LoadOptions = {},
): Promise<Loaded> {
  const { config, log, signal } = context;
  const { cluster, deadLetters, clusterId } = await platform.kafka();
  const { topics, groups } = config.kafka;
  const counts = { rows: 0, parked: 0 };
  await takeOver(context, cluster.admin, 'loader', [topics.rawMovies, topics.rawGenres]);
  if (signal.aborted) return counts;
  // Before the observer: if the warehouse is not ready for two reasons, /readyz gives the first, and the holder is more useful.
  const system = warehouseAccess(context);
  const observer = loadObserver(context, counts);
  await using warehouse = await openLoader(system, context, until === undefined);
  await warehouse.migrate();
  observer.onAvailable(true);
  const source = cluster.partitionSource([topics.rawMovies, topics.rawGenres], {
    acceptedGaps,
    target: system.name,
    ...groupObserver(context, 'loader'),
  });
  const ports = {
    source,
    warehouse,
    clusterId,
    topics,
    deadLetters,
    clock: systemClock,
    random: Math.random,
    log,
    shared: sharedTopics(cluster.admin, {
      group: groups.loader,
      target: system.name,
      onWaiting: tellWaits(context, 'load'),
    }),
    ...observer,
  };
  await runLoader(ports, { limits: config.load, signal, ...(until && { until }) });
  return counts;
}

/** A service waits without limit until it can open the warehouse; the watch of the DuckDB file names the holder. */
async function openLoader(system: WarehouseAccess, { signal }: Context, isService: boolean): Promise<Warehouse> {
  for (;;) {
    try {
      return await system.openLoader();
    } catch (error) {
      if (!(isService && error instanceof WarehouseUnavailableError)) throw error;
      await systemClock.sleep(1_000, signal);
    }
  }
}

/** Counts the loader's events for the report and for Prometheus. */
function loadObserver({ progress, metrics, health }: Context, loaded: { rows: number; parked: number }) {
  let isAvailable = false;
  health.dependsOn('warehouse', async () => {
    if (!isAvailable) throw new Error('the warehouse accepts no batches now');
  });
  return {
    onLoaded: ({ rows, partitions, ms }: Flush) => {
      loaded.rows += rows;
      progress.update('load', { done: loaded.rows, unit: 'rows' });
      metrics.bronzeRows.inc(rows);
      metrics.bronzeBatches.inc(partitions);
      metrics.flushSeconds.observe(ms / 1_000);
      metrics.layerMovedAt.set({ layer: 'bronze' }, systemClock.now() / 1_000);
    },
    onParked: (records: number, reason: DeadLetterReason) => {
      loaded.parked += records;
      metrics.deadLetters.inc({ reason }, records);
    },
    onBuffered: (bytes: number) => metrics.bufferBytes.set(bytes),
    onAvailable: (isSo: boolean) => {
      isAvailable = isSo;
    },
  };
}

/**
 * The present ends, for stages that end there. They include partitions without records: of these, the ledger may lack records that
 * Kafka no longer has, and the loader must stop at such a gap.
 */
export async function endsOf(platform: Platform, topics: readonly Topic[]): Promise<Map<string, Offsets>> {
  const { admin } = (await platform.kafka()).cluster;
  const ends = new Map<string, Offsets>();
  for (const { name: topic } of topics) {
    ends.set(topic, (await admin.topicOffsets(topic)).high);
  }
  return ends;
}
