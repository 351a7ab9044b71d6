import type { Offsets } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import { openPlatform, type Platform } from '../platform/platform.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import type { KnownMovies } from '../producers/known-movies.ts';
import { type PopularWalk, UnusableListError } from '../producers/popular.ts';
import { systemClock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import { runTaskGroup } from '../runtime/task-group.ts';
import { TmdbUnreachableError, UnusableAnswerError } from '../tmdb/errors.ts';
import type { TmdbClient } from '../tmdb/tmdb-client.ts';
import { transform } from '../transform/transform.ts';
import { fetchGenres, promptlyRequested, walkPopular } from './discovery.ts';
import { diskOf, type Estimate, estimate, estimateText } from './estimate.ts';
import { fetchMovies, fetchQueues, waitingIds } from './fetch-movies.ts';
import type { RunReport } from './report.ts';
import { endsOf, loadBronze } from './stages.ts';
import { summarize } from './summary.ts';

export interface RunOnceOptions {
  readonly pages: number;
  readonly fullRefresh: boolean;
}

/**
 * All stages, until everything that is published is in GOLD. After a kill at any point, the next run resumes each
 * stage where it was: ids that are published but not fetched, answers that are not loaded, batches that are not sealed.
 * If a list cannot be used or is out, the other stages still run. The report shows it; a popular list that is out also
 * ends the run with its error. @throws what the stages throw; their work so far remains.
 */
export async function runOnce(context: Context, options: RunOnceOptions): Promise<RunReport> {
  const seconds = { start: 0, walk: 0, fetchAndLoad: 0, transform: 0 };
  const timed = async <T>(stage: Stage, work: () => Promise<T>): Promise<T> => {
    const started = systemClock.monotonic();
    try {
      return await work();
    } finally {
      seconds[stage] = (systemClock.monotonic() - started) / 1_000;
    }
  };
  const { walk, ...ingested } = await ingest(context, options, timed);
  const dbt = await timed('transform', () => transform(context, options));
  if (walk instanceof TmdbUnreachableError) throw walk;
  const system = warehouseAccess(context);
  const summary = await summarize(system);
  const { origin, warehouse } = context.config;
  const { duckdbPath = null, goldPath = null } = warehouse.duckdb ?? {};
  return { origin, ...ingested, walk, ...summary, dbt, seconds, warehouse: system.name, duckdbPath, goldPath };
}

type Stage = keyof RunReport['seconds'];
type Timed = <T>(stage: Stage, work: () => Promise<T>) => Promise<T>;

/** TMDb to BRONZE. Closes everything that it opens before it returns: dbt needs the DuckDB file for itself. */
async function ingest(context: Context, { pages }: RunOnceOptions, timed: Timed) {
  await using platform = openPlatform(context);
  await timed('start', () => platform.kafka());
  const tmdb = await platform.tmdb();
  const known = await promptlyRequested(platform, context);
  const estimate = await tellCost(platform, context, { pages, known });
  const requesting = systemClock.monotonic();
  const { genres, walk } = await timed('walk', async () => ({
    genres: await lookAtGenres(platform, context),
    walk: await walkOrWhatFailed(platform, context, { pages, known }),
  }));
  // If no request has been answered, not only the lists are out: fetching movies would only take time.
  if (walk instanceof TmdbUnreachableError && !hasAnswered(tmdb)) throw walk;
  const movies = await timed('fetchAndLoad', () => fetchAndLoad(platform, context));
  const requests = requestsOf(tmdb, context, systemClock.monotonic() - requesting);
  return { estimate, genres, walk, movies, requests };
}

interface Walk {
  readonly pages: number;
  readonly known: KnownMovies;
}

/** Says what the run will cost before it sends a request. */
async function tellCost(platform: Platform, context: Context, { pages, known }: Walk): Promise<Estimate> {
  const { config, progress } = context;
  const { cluster } = await platform.kafka();
  const { rateLimit: limit, refreshAfterMs } = config.tmdb;
  const { movieIds } = config.kafka.topics;
  const ends = (await endsOf(platform, [movieIds])).get(movieIds.name) ?? new Map();
  const freshFrom = systemClock.now() - refreshAfterMs;
  const [queue] = fetchQueues(config);
  const cost = estimate({
    ...{ pages, limit },
    fresh: countFresh(known, freshFrom),
    waiting: await waitingIds(cluster.admin, queue, ends),
    disk: diskOf(config, !warehouseAccess(context).exists()),
  });
  progress.note(`plan     ${estimateText(cost, limit)}`);
  return cost;
}

function countFresh(known: KnownMovies, freshFrom: number): number {
  let fresh = 0;
  for (const [, requestedAt] of known) if (requestedAt > freshFrom) fresh += 1;
  return fresh;
}

const hasAnswered = (tmdb: TmdbClient): boolean =>
  Object.keys(tmdb.counts().byOutcome).some((outcome) => outcome !== 'failed');

/** The list's names are a convenience: each movie contains the names of its genres. */
async function lookAtGenres(platform: Platform, context: Context): Promise<RunReport['genres']> {
  try {
    return { ...(await fetchGenres(platform, context, context.config.tmdb.refreshAfterMs)), failure: null };
  } catch (error) {
    if (!(error instanceof UnusableAnswerError || error instanceof TmdbUnreachableError)) throw error;
    context.log.error({ error: messageOf(error) }, 'the genre list cannot be used, continuing without it');
    return { published: false, rowsUnusable: 0, failure: messageOf(error) };
  }
}

/**
 * Ids of earlier walks, and of the pages before an outage, still have to be fetched, so a list without a usable page does
 * not end the run. @returns the outage if the list is out.
 */
async function walkOrWhatFailed(
  platform: Platform,
  context: Context,
  { pages, known }: Walk,
): Promise<PopularWalk | TmdbUnreachableError> {
  try {
    return await walkPopular(platform, context, pages, known);
  } catch (error) {
    if (!(error instanceof UnusableListError || error instanceof TmdbUnreachableError)) throw error;
    context.log.error({ error: messageOf(error) }, 'the popular list cannot be used, continuing with what is known');
    return error instanceof UnusableListError ? error.walk : error;
  }
}

/** Fetches all present ids but those of the backfill, which can take days; the loader runs at the same time and ends when the last answer is in the ledger. */
async function fetchAndLoad(platform: Platform, context: Context): Promise<RunReport['movies']> {
  const { topics } = context.config.kafka;
  const ids = await endsOf(platform, [topics.movieIds]);
  const rawEnds = Promise.withResolvers<Map<string, Offsets>>();
  const [fetched, loaded] = await runTaskGroup(context.signal, [
    async (signal) => {
      const outcomes = await fetchMovies(platform, { ...context, signal }, ids);
      rawEnds.resolve(await endsOf(platform, [topics.rawMovies, topics.rawGenres]));
      return outcomes;
    },
    (signal) => loadBronze(platform, { ...context, signal }, { until: rawEnds.promise }),
  ]);
  context.signal.throwIfAborted();
  return { ...fetched, parked: fetched.parked + loaded.parked };
}

function requestsOf(tmdb: TmdbClient, { config }: Context, elapsedMs: number): RunReport['requests'] {
  const { capacity, windowMs } = config.tmdb.rateLimit;
  const { requests, byOutcome } = tmdb.counts();
  // What the limit allows in that time: one capacity at the start, and one more for each window.
  const allowed = capacity * (1 + Math.floor(elapsedMs / windowMs));
  return {
    requests,
    byOutcome: Object.entries(byOutcome).map(([outcome, count]) => ({ outcome, requests: count })),
    limit: { capacity, windowSeconds: windowMs / 1_000 },
    seconds: elapsedMs / 1_000,
    limitUsed: requests / allowed,
  };
}
