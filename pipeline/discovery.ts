import type { ReadTopic } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { produceAged } from '../producers/aged.ts';
import { type ChangesWalk, daysDue, produceChanges } from '../producers/changes.ts';
import { type ExportWalk, exportWalkShape, produceExport } from '../producers/export.ts';
import { type ExportedMovies, readExported } from '../producers/exported-movies.ts';
import { type GenresLook, produceGenres } from '../producers/genres.ts';
import { type KnownMovies, readKnownGenres, readKnownMovies } from '../producers/known-movies.ts';
import { type PopularWalk, producePopular, UnusableListError } from '../producers/popular.ts';
import { type Progress, readProgress } from '../producers/producer-state.ts';
import { systemClock } from '../runtime/clock.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { MovieTimes } from '../schemas/movie-times.ts';
import type { MovieId, StatefulProducer } from '../schemas/records.ts';
import { idTopics, type Topic } from '../schemas/topics.ts';
import type { MovieExports } from '../tmdb/movie-export.ts';

const genreLanguage = 'en';

/**
 * When each movie was last requested through `tmdb.movie-ids`. A movie of the backfill may wait for days, so it counts as not requested: it must
 * not wait if it is popular or has changed. @throws KafkaError.
 */
export async function promptlyRequested(platform: Platform, context: Context): Promise<KnownMovies> {
  const { cluster } = await platform.kafka();
  return readKnown(platform, context, [cluster.topics.movieIds]); // mutant: discovery.waits-in-backfill
}

/** When each known movie was last requested, also for the backfill. @throws KafkaError. */
async function everRequested(platform: Platform, context: Context): Promise<MovieTimes> {
  const { cluster } = await platform.kafka();
  return readKnown(platform, context, idTopics(cluster.topics));
}

async function readKnown(
  platform: Platform,
  context: Context,
  topics: readonly [Topic<MovieId>, ...Topic<MovieId>[]],
): Promise<MovieTimes> {
  const { cluster } = await platform.kafka();
  const readIds: ReadTopic = async (onRecord) => {
    for (const topic of topics) await cluster.readTopic(topic, onRecord);
  };
  const { known, ignored } = await readKnownMovies(readIds, systemClock.now());
  noteIgnored(context, topics[0].name, ignored);
  return known;
}

/**
 * Walks the popular list and publishes movies that are not fresh.
 * @param known from `promptlyRequested`, if the caller has read it. @throws the errors of `producePopular`.
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
      known: known ?? (await promptlyRequested(platform, context)),
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

async function stateReader(platform: Platform): Promise<ReadTopic> {
  const { cluster } = await platform.kafka();
  return (onRecord) => cluster.readTopic(cluster.topics.producerState, onRecord);
}

/** How far a producer is. @throws KafkaError. */
async function progressOf(platform: Platform, producer: StatefulProducer): Promise<Progress | null> {
  return readProgress(await stateReader(platform), producer, systemClock.now());
}

/** The newest export of each kind that was read to its end. @throws KafkaError. */
async function exportedBefore(platform: Platform): Promise<ReadonlyMap<StatefulProducer, ExportedMovies>> {
  return readExported(await stateReader(platform), systemClock.now());
}

/** Publishes the movies that changed on each complete day since the last walk. @throws the errors of `produceChanges`. */
export async function walkChanges(platform: Platform, context: Context): Promise<ChangesWalk> {
  const { config, log, progress, signal, metrics } = context;
  const { cluster } = await platform.kafka();
  const days = daysDue((await progressOf(platform, 'changes'))?.day ?? null, systemClock.now());
  const walk = await produceChanges(
    {
      tmdb: await platform.tmdb(),
      movieIds: cluster.sink(cluster.topics.movieIds),
      state: cluster.sink(cluster.topics.producerState),
      known: days.length > 0 ? await promptlyRequested(platform, context) : new Map(),
      clock: systemClock,
      log,
      onProgress: ({ days: done, daysTotal }) => progress.update('walk', { done, total: daysTotal, unit: 'days' }),
    },
    { days, withAdult: config.tmdb.withAdult },
    signal,
  );
  metrics.idsPublished.inc(walk.published);
  metrics.itemsSkipped.inc({ list: 'changes' }, walk.itemsSkipped);
  metrics.walkedAt.set({ list: 'changes' }, systemClock.now() / 1_000);
  return walk;
}

/** What `produce export` found and published. */
export const exportRunShape = exportWalkShape.extend({
  aged: count.describe('known movies that were published again, because their newest request is old'),
});
export type ExportRun = ValueOf<typeof exportRunShape>;

/**
 * For each of two reasons, their age and having left an export, the largest number of movies that one run publishes: three and a half hours of
 * requests at 40 in 10 s. An export of which a part is missing costs no more.
 */
const mostAskedAgain = 50_000;

/**
 * Publishes known movies whose newest request is old, and the ids of the newest daily export that no producer has requested.
 * @throws the errors of `produceAged` and `produceExport`.
 */
export async function readExport(platform: Platform, context: Context): Promise<ExportRun> {
  const { config, metrics } = context;
  const exports = await platform.exports();
  const known = await everRequested(platform, context);
  const aged = await requestAged(platform, context, known);
  const walks: ExportWalk[] = [];
  for (const isAdult of config.tmdb.withAdult ? [false, true] : [false]) {
    walks.push(await readOneExport(platform, context, { exports, known, isAdult }));
  }
  metrics.walkedAt.set({ list: 'export' }, systemClock.now() / 1_000);
  const sum = walks.reduce((one, other) => ({
    exportedAt: one.exportedAt,
    lines: one.lines + other.lines,
    linesSkipped: one.linesSkipped + other.linesSkipped,
    published: one.published + other.published,
    absent: one.absent + other.absent,
  }));
  return { ...sum, aged };
}

/** First, because it needs no answer of TMDb. */
async function requestAged(
  platform: Platform,
  { config, log, signal, metrics }: Context,
  known: MovieTimes,
): Promise<number> {
  const { cluster } = await platform.kafka();
  const movieIds = cluster.sink(cluster.topics.movieIdsBackfill);
  const { reaskAfterMs } = config.tmdb;
  const aged = await produceAged(
    { movieIds, known, clock: systemClock },
    { reaskAfterMs, most: mostAskedAgain },
    signal,
  );
  metrics.idsPublished.inc(aged);
  if (aged === mostAskedAgain)
    log.warn(
      { aged },
      'at least as many movies are due by their age as one run publishes: run `produce export` more often',
    );
  return aged;
}

interface OneExport {
  readonly exports: MovieExports;
  readonly known: KnownMovies;
  readonly isAdult: boolean;
}

async function readOneExport(
  platform: Platform,
  { progress, signal, metrics }: Context,
  { exports, known, isAdult }: OneExport,
): Promise<ExportWalk> {
  const { cluster } = await platform.kafka();
  const producer = isAdult ? 'export-adult' : 'export';
  const previous = (await exportedBefore(platform)).get(producer) ?? null;
  const walk = await produceExport(
    {
      ...{ exports, known, clock: systemClock },
      movieIds: cluster.sink(cluster.topics.movieIdsBackfill),
      state: cluster.sink(cluster.topics.producerState),
      onProgress: (done) => progress.update('export', { done, unit: 'lines' }),
    },
    { isAdult, progress: await progressOf(platform, producer), previous, mostAbsent: mostAskedAgain },
    signal,
  );
  metrics.idsPublished.inc(walk.published + walk.absent);
  metrics.itemsSkipped.inc({ list: 'export' }, walk.linesSkipped);
  return walk;
}
