import { serviceNames } from '../runtime/service-names.ts';
import { topicNames } from '../schemas/topic-names.ts';
import { acceptGap, json, pagesOption } from './common-options.ts';
import { type CommandGroup, defineCommand } from './engine/command.ts';
import { flag, single } from './engine/option.ts';
import { interval } from './engine/value-types.ts';

const every = single(interval, 'run now, and again after each TIME (such as 6h), until you stop it');
const isService = (options: { readonly every: number | undefined }): boolean => options.every !== undefined;
/** Each command of `produce` runs once, or with --every as a service. */
const producing = { options: { every, json }, writes: ['broker'], tools: ['kafka'], isService } as const;
const unlessOnce = (options: { readonly once: boolean }): boolean => !options.once;
const runsUntilStopped = 'It runs until you stop it; the first signal drains it.';

const popular = defineCommand({
  name: 'popular',
  summary: 'publish the ids of popular movies',
  description: [`Walks the popular list of TMDb, and publishes to ${topicNames.movieIds} the ids that are not fresh.`],
  examples: [
    ['produce popular --pages 50', 'publish the first 1,000 movies'],
    ['produce popular --every 6h', 'run as a service'],
  ],
  ...producing,
  options: { pages: pagesOption, ...producing.options },
  service: serviceNames.producerPopular,
  exits: { 5: 'some pages of the list cannot be used' },
  shape: async () => (await import('../producers/popular.ts')).popularWalkShape,
  load: async () => (await import('./actions/produce.ts')).producePopular,
});

const changes = defineCommand({
  name: 'changes',
  summary: 'publish the ids of movies that changed',
  description: [
    `Walks TMDb's lists of changes, one complete UTC day after another since the last walk, and publishes to ` +
      `${topicNames.movieIds} the ids that were not requested after the end of their day. The first walk reads the last complete day.`,
    'A day counts as done when all its ids are published. After a failure or a kill, run the command again to resume that day.',
  ],
  examples: [
    ['produce changes', 'publish what changed since the last walk'],
    ['produce changes --every 6h', 'run as a service'],
  ],
  ...producing,
  service: serviceNames.producerChanges,
  shape: async () => (await import('../producers/changes.ts')).changesWalkShape,
  load: async () => (await import('./actions/produce.ts')).produceChanges,
});

const exported = defineCommand({
  name: 'export',
  summary: "publish the ids of TMDb's daily export",
  description: [
    `Reads TMDb's newest daily export of all ids, about 1.2 million, and publishes to ${topicNames.movieIdsBackfill} those that ` +
      'were never requested. "fetch" fetches them only when no other ids wait, except for one request in ten.',
    'It also publishes known movies again before their newest request is older than TMDB_REASK_AFTER, the oldest first, at most ' +
      '50,000 in a run. Movies that have left the export since the previous one are published again too, also at most 50,000.',
    'It requests one file from TMDb, without credentials. After a failure or a kill, run the command again to resume that file.',
  ],
  examples: [
    ['produce export', 'publish the ids that are new in the export'],
    ['produce export --every 24h', 'run as a service'],
  ],
  ...producing,
  service: serviceNames.producerExport,
  shape: async () => (await import('../pipeline/discovery.ts')).exportRunShape,
  load: async () => (await import('./actions/produce.ts')).produceExport,
});

const genres = defineCommand({
  name: 'genres',
  summary: 'publish the genre list',
  description: [`Publishes the genre list of TMDb to ${topicNames.rawGenres}, unless the published one is fresh.`],
  examples: [
    ['produce genres', 'publish the list once'],
    ['produce genres --every 24h', 'run as a service'],
  ],
  ...producing,
  service: serviceNames.producerGenres,
  shape: async () => (await import('../producers/genres.ts')).genresLookShape,
  load: async () => (await import('./actions/produce.ts')).produceGenres,
});

export const produce: CommandGroup = {
  name: 'produce',
  summary: 'publish movie ids (popular, changes, export) or genres',
  description: ['Requests a list from TMDb, and publishes the part that is not fresh.'],
  examples: [['produce popular --pages 50', 'publish the first 1,000 movies']],
  commands: [popular, changes, exported, genres],
};

export const fetch = defineCommand({
  name: 'fetch',
  summary: 'fetch the movies whose ids are waiting',
  description: [
    `Reads ${topicNames.movieIds}, requests each movie from TMDb, and publishes the answers to ${topicNames.rawMovies}. ${runsUntilStopped}`,
    `Ids in ${topicNames.movieIdsBackfill} are fetched only when no other ids wait, except for one request in ten.`,
  ],
  examples: [
    ['fetch', 'run as a service'],
    ['fetch --once', 'fetch the movies that are waiting now'],
  ],
  options: { once: flag('end when every id that is waiting now is fetched or parked'), json },
  writes: ['broker'],
  tools: ['kafka'],
  service: serviceNames.fetcher,
  isService: unlessOnce,
  shape: async () => (await import('../consumers/fetcher.ts')).movieOutcomesShape,
  load: async () => (await import('./actions/fetch.ts')).fetchDetails,
});

export const load = defineCommand({
  name: 'load',
  summary: 'load the raw topics into BRONZE',
  description: [
    `Reads ${topicNames.rawMovies} and ${topicNames.rawGenres} from the position in the ledger, and appends the records to BRONZE in ` +
      `micro-batches (LOAD_MAX_ROWS, LOAD_MAX_BYTES, LOAD_MAX_AGE). ${runsUntilStopped}`,
    'If Kafka has lost records that were never loaded, the command ends with exit code 1 and names them.',
  ],
  examples: [
    ['load', 'run as a service'],
    ['load --once', 'load everything that is in Kafka now'],
    [
      `load --accept-gap ${topicNames.rawMovies}/0/100-199`,
      'continue without lost records; the ledger records the gap',
    ],
  ],
  options: { once: flag('end when everything that is in Kafka now is in BRONZE'), acceptGap, json },
  writes: ['broker', 'warehouse'],
  tools: ['kafka'],
  service: serviceNames.loader,
  isService: unlessOnce,
  shape: async () => (await import('../pipeline/stages.ts')).loadedShape,
  load: async () => (await import('./actions/load.ts')).load,
});

export const transform = defineCommand({
  name: 'transform',
  summary: 'build and test SILVER and GOLD with dbt',
  description: [
    'Runs dbt build if BRONZE has changed since the last run that succeeded. It first removes expired answers, as ' +
      '"purge" does.',
  ],
  examples: [
    ['transform', 'build what has changed'],
    ['transform --full-refresh', 'build everything from scratch'],
  ],
  options: {
    fullRefresh: flag('build SILVER and GOLD from scratch, from all of BRONZE'),
    force: flag('run even if BRONZE has not changed'),
    json,
  },
  writes: ['work files', 'warehouse'],
  tools: ['dbt'],
  exits: { 5: 'models or tests failed' },
  shape: async () => (await import('../transform/transform.ts')).transformShape,
  load: async () => (await import('./actions/transform.ts')).transform,
});

export const purge = defineCommand({
  name: 'purge',
  summary: 'remove the documents of answers that are older than TMDB_RETENTION',
  description: [
    'Removes the documents of answers that are older than TMDB_RETENTION from BRONZE, builds SILVER and GOLD without their ' +
      'values, publishes GOLD, and rewrites the DuckDB file, so that its unused blocks contain no old values. GOLD ' +
      'omits a movie whose newest answer has expired until the movie is fetched again. The keys, offsets and times of the rows stay.',
    '"transform" and "run --once" do the same on every call, "schedule" and "run" once a day. If a purge is interrupted, run the ' +
      'command again. On Snowflake, run it as the user of dbt; Time Travel and Fail-safe keep replaced rows for eight more days.',
  ],
  examples: [
    ['purge --dry-run', 'show what would be removed'],
    ['purge', 'remove it now'],
  ],
  options: { dryRun: flag('show what would be removed, and change nothing'), json },
  writes: ['work files', 'warehouse'],
  tools: ['dbt'],
  exits: { 5: 'models or tests failed, or values of expired answers remain' },
  shape: async () => (await import('../transform/purge.ts')).purgeShape,
  load: async () => (await import('./actions/purge.ts')).purge,
});

export const schedule = defineCommand({
  name: 'schedule',
  summary: 'run dbt on a schedule, when BRONZE has changed',
  description: [
    'Checks on TRANSFORM_SCHEDULE (a cron pattern in UTC, seconds allowed) whether BRONZE has changed. If so, it runs dbt ' +
      'build and publishes GOLD to DUCKDB_GOLD_PATH. After a failed run it retries only what failed. ' +
      runsUntilStopped,
  ],
  examples: [
    ['schedule', 'run as a service'],
    ['schedule --once', 'check once, for another scheduler'],
  ],
  options: { once: flag('check once and end'), json },
  writes: ['work files', 'warehouse'],
  tools: ['dbt'],
  service: serviceNames.scheduler,
  isService: unlessOnce,
  exits: {
    1: 'dbt itself failed; without --once, if the last run before the stop failed',
    4: 'a source is stale; only with --once',
    5: 'models or tests failed; only with --once',
  },
  shape: async () => (await import('../transform/scheduler.ts')).roundShape,
  load: async () => (await import('./actions/transform.ts')).schedule,
});
