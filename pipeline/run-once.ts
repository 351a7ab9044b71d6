import type { MovieOutcome } from '../consumers/movie-details.ts';
import { systemClock } from '../lib/clock.ts';
import type { TmdbClient } from '../lib/tmdb/client.ts';
import { topics } from '../schemas/topics.ts';
import { type Context, openPlatform, type Platform } from './platform.ts';
import type { RunReport } from './report.ts';
import { endsOf, fetchGenres, fetchMovies, loadBronze, walkPopular } from './stages.ts';
import { summarize } from './summary.ts';
import { transform } from './transform.ts';

export interface RunOnceOptions {
  readonly pages: number;
  readonly fullRefresh: boolean;
}

/**
 * All stages, until everything that is published is in GOLD. Killed at any point and started again, it goes on where
 * each stage stood: what was published and not fetched, what was fetched and not loaded, what was loaded and not sealed.
 * @throws what the stages throw; what they had done by then stays done.
 */
export async function runOnce(context: Context, options: RunOnceOptions): Promise<RunReport> {
  const seconds: Record<string, number> = {};
  const timed = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    const started = systemClock.monotonic();
    try {
      return await work();
    } finally {
      seconds[stage] = (systemClock.monotonic() - started) / 1_000;
    }
  };
  const { walk, movies, requests } = await ingest(context, options, timed);
  const dbt = await timed('transform', () => transform(context, options));
  const { rows, kpis } = await summarize(context.config.warehouse, systemClock);
  const { origin, warehouse } = context.config;
  return { origin, walk, movies, requests, rows, kpis, dbt, seconds, duckdbPath: warehouse.duckdbPath };
}

type Timed = <T>(stage: string, work: () => Promise<T>) => Promise<T>;

/** TMDb to BRONZE. Everything it opened is closed when it returns: dbt needs the DuckDB file for itself. */
async function ingest(context: Context, { pages }: RunOnceOptions, timed: Timed) {
  await using platform = openPlatform(context);
  await timed('start', () => platform.kafka());
  const tmdb = await platform.tmdb();
  const requesting = systemClock.monotonic();
  const walk = await timed('walk', async () => {
    await fetchGenres(platform, context);
    return walkPopular(platform, context, pages);
  });
  const movies = await timed('fetch and load', () => fetchAndLoad(platform, context));
  return { walk, movies, requests: requestsOf(tmdb, context, systemClock.monotonic() - requesting) };
}

/** Fetches all ids of now; the loader runs beside it and ends when the last answer is in the ledger. */
async function fetchAndLoad(platform: Platform, context: Context): Promise<Record<MovieOutcome, number>> {
  const ids = (await endsOf(platform, [topics.movieIds])).get(topics.movieIds) ?? new Map();
  const failed = new AbortController();
  const together = { ...context, signal: AbortSignal.any([context.signal, failed.signal]) };
  const orFailTogether = <T>(stage: Promise<T>): Promise<T> =>
    stage.catch((error) => {
      failed.abort(error);
      throw error;
    });
  const fetching = orFailTogether(fetchMovies(platform, together, ids));
  const rawEnds = fetching.then(() => orFailTogether(endsOf(platform, [topics.rawMovies, topics.rawGenres])));
  // The loader hears of a failure by the signal; it may not have come to look at the ends yet.
  rawEnds.catch(() => {});
  const loading = orFailTogether(loadBronze(platform, together, rawEnds));
  const [fetched, loaded] = await Promise.allSettled([fetching, loading]);
  // The one that failed first is the reason; the other was told to stop.
  if (failed.signal.aborted) throw failed.signal.reason;
  context.signal.throwIfAborted();
  if (fetched.status === 'rejected') throw fetched.reason;
  if (loaded.status === 'rejected') throw loaded.reason;
  return { ...fetched.value, parked: fetched.value.parked + loaded.value.parked };
}

function requestsOf(tmdb: TmdbClient, { config }: Context, elapsedMs: number): RunReport['requests'] {
  const limit = config.tmdb.rateLimit;
  const counts = tmdb.counts();
  // What the limit lets through in that time: one capacity at the start, one more with each window that passed.
  const allowed = limit.capacity * (1 + Math.floor(elapsedMs / limit.windowMs));
  return { ...counts, limit, seconds: elapsedMs / 1_000, limitUsed: counts.requests / allowed };
}
