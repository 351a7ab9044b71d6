import { readLetters } from '../dead-letters/store.ts';
import type { ReadTopic } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { type ExportedMovies, readExported } from '../producers/exported-movies.ts';
import { systemClock } from '../runtime/clock.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';
import { MovieSet } from '../schemas/movie-set.ts';
import { hasTable } from '../transform/layers.ts';
import { type NewestAnswer, newestAnswers } from '../warehouse/newest-answers.ts';
import { type Coverage, reportCoverage } from './coverage-report.ts';

/**
 * Compares the newest export, BRONZE and the dead letters.
 * @param mostMissing how many missing movies to list; null for no list.
 * @throws KafkaError, WarehouseUnavailableError.
 */
export async function readCoverage(
  platform: Platform,
  context: Context,
  { mostMissing }: { readonly mostMissing: number | null },
): Promise<Coverage> {
  const now = systemClock.now();
  return reportCoverage({
    ...{ now, mostMissing },
    exported: await readNewestExport(platform, context, now),
    parked: await readParked(platform, context),
    answers: readAnswers(context, now),
    reaskAfterMs: context.config.tmdb.reaskAfterMs,
    retentionMs: context.config.tmdb.retentionMs,
  });
}

/** Of both exports if adult movies are wanted; the day is that of the older one. */
async function readNewestExport(platform: Platform, { config }: Context, now: number): Promise<ExportedMovies | null> {
  const { cluster } = await platform.kafka();
  const readState: ReadTopic = (onRecord) => cluster.readTopic(cluster.topics.producerState, onRecord);
  const exported = await readExported(readState, now);
  const [main, adult] = [exported.get('export'), exported.get('export-adult')];
  if (!main || !adult || !config.tmdb.withAdult) return main ?? null;
  const movies = new MovieSet();
  for (const set of [main.movies, adult.movies]) for (const movieId of set) movies.add(movieId);
  const [day = main.day] = [main.day, adult.day].sort();
  return { day, movies };
}

/** Movies with an open dead letter of their id or of their answer. */
async function readParked(platform: Platform, { log }: Context): Promise<Map<number, DeadLetterReason>> {
  const { cluster } = await platform.kafka();
  const parked = new Map<number, DeadLetterReason>();
  for (const { movieId, isOpen, reason } of await readLetters(cluster, log)) {
    if (isOpen && movieId !== null) parked.set(movieId, reason);
  }
  return parked;
}

async function* readAnswers(context: Context, now: number): AsyncGenerator<NewestAnswer> {
  const system = warehouseAccess(context);
  if (!system.exists()) return;
  await using reader = await system.openReader();
  if (!(await hasTable((sql) => reader.query(sql), 'bronze', 'raw_movies'))) return;
  yield* newestAnswers(reader, now);
}
