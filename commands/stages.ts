import { services } from '../pipeline/services.ts';
import { endsOf, fetchGenres, fetchMovies, loadBronze, walkPopular } from '../pipeline/stages.ts';
import { openPlatform } from '../platform/platform.ts';
import { ExitCode, UsageError } from '../runtime/errors.ts';
import { topics as topicNames } from '../schemas/topics.ts';
import { scheduleOnce } from '../transform/scheduler.ts';
import { transform as runTransform, throwIfNoCopy } from '../transform/transform.ts';
import { type Command, gapOption, gapsOf, intervalOf, jsonOption, pagesOf, print, type Values } from './command.ts';

export const produce: Command = {
  summary: 'publish movie ids (popular) or the genre list (genres)',
  help: `usage: produce popular [--pages N|all] [--every TIME] [--json]
       produce genres [--every TIME] [--json]

popular   walks the popular list and publishes the ids that are not fresh to tmdb.movie-ids
genres    publishes the genre list to tmdb.raw-genres, unless it is fresh

  --pages N|all   pages of the popular list, 20 movies each (standard all)
  --every TIME    do it now and again every TIME (such as 6h) until it is stopped`,
  options: { pages: { type: 'string' }, every: { type: 'string' }, ...jsonOption },
  writes: ['broker'],
  takesPositionals: true,
  isService: (values) => values['every'] !== undefined,
  run: async (context, values, [what]) => {
    if (what !== 'popular' && what !== 'genres')
      throw new UsageError('produce what? "produce popular" or "produce genres"');
    const pages = pagesOf(values, 500);
    const everyMs = intervalOf(values);
    if (everyMs !== undefined) {
      await (what === 'genres' ? services.genres(context, { everyMs }) : services.popular(context, { everyMs, pages }));
      return ExitCode.done;
    }
    await using platform = openPlatform(context);
    if (what === 'genres') {
      const look = await fetchGenres(platform, context, context.config.tmdb.refreshAfterMs);
      const skipped = look.rowsUnusable > 0 ? `; ${look.rowsUnusable} rows name no genre` : '';
      print(
        values,
        look,
        look.published ? `published the genre list${skipped}` : 'the genre list is fresh: nothing to do',
      );
      return ExitCode.done;
    }
    const walk = await walkPopular(platform, context, pages);
    const { found, pagesRead, published, itemsSkipped, pagesFailed } = walk;
    const leftOut = `${itemsSkipped} items skipped, ${pagesFailed} pages failed`;
    print(values, walk, `found ${found} movies on ${pagesRead} pages, published ${published}; ${leftOut}`);
    return ExitCode.done;
  },
};

const once = { once: { type: 'boolean' } } as const;
const unlessOnce = (values: Values) => !values['once'];

export const fetch: Command = {
  summary: 'fetch the details of the movies whose ids wait',
  help: `usage: fetch [--once] [--json]

Reads tmdb.movie-ids, asks TMDb, publishes the answers to tmdb.raw-movies. Runs until it is stopped; the first signal drains.

  --once   end when every id of now is fetched or parked`,
  options: { ...once, ...jsonOption },
  writes: ['broker'],
  isService: unlessOnce,
  run: async (context, values) => {
    if (!values['once']) {
      await services.fetch(context);
      return ExitCode.done;
    }
    await using platform = openPlatform(context);
    const until = await endsOf(platform, [topicNames.movieIds]);
    const outcomes = await fetchMovies(platform, context, until.get(topicNames.movieIds));
    context.signal.throwIfAborted();
    print(values, outcomes, `fetched ${outcomes.fetched}, gone ${outcomes.gone}, parked ${outcomes.parked}`);
    return ExitCode.done;
  },
};

export const load: Command = {
  summary: 'load the raw topics into BRONZE',
  help: `usage: load [--once] [--accept-gap TOPIC/PARTITION/FIRST-LAST]... [--json]

Reads tmdb.raw-movies and tmdb.raw-genres from where the ledger is and appends them to BRONZE in micro-batches
(LOAD_MAX_ROWS, LOAD_MAX_BYTES, LOAD_MAX_AGE). Runs until it is stopped; the first signal drains. Records that were never
loaded and are gone from Kafka end it with exit code 1, and the message names them.

  --once             end when everything of now is in BRONZE
  --accept-gap GAP   continue without the lost records in this range of offsets, as in the error message; the ledger
                     keeps a line of it`,
  options: { ...once, ...gapOption, ...jsonOption },
  writes: ['broker', 'warehouse'],
  isService: unlessOnce,
  run: async (context, values) => {
    const acceptedGaps = gapsOf(values);
    if (!values['once']) {
      await services.load(context, { acceptedGaps });
      return ExitCode.done;
    }
    await using platform = openPlatform(context);
    const ends = await endsOf(platform, [topicNames.rawMovies, topicNames.rawGenres]);
    const loaded = await loadBronze(platform, context, { until: Promise.resolve(ends), acceptedGaps });
    context.signal.throwIfAborted();
    print(values, loaded, `loaded ${loaded.rows} rows, parked ${loaded.parked}`);
    return ExitCode.done;
  },
};

export const transform: Command = {
  summary: 'build and test SILVER and GOLD with dbt',
  help: `usage: transform [--full-refresh] [--force] [--json]

Runs dbt build, unless BRONZE has not moved since the last run that succeeded.

  --full-refresh  build SILVER and GOLD from scratch, from all of BRONZE
  --force         run even when BRONZE has not moved`,
  options: { 'full-refresh': { type: 'boolean' }, force: { type: 'boolean' }, ...jsonOption },
  writes: ['work files', 'warehouse'],
  run: async (context, values) => {
    const options = { fullRefresh: values['full-refresh'] === true, force: values['force'] === true };
    const result = await runTransform(context, options);
    const skipped = result.skipped ? 'BRONZE has not moved since the last run: nothing to do; in it, ' : '';
    print(values, result, `${skipped}${result.testsPassed} tests passed, ${result.testsWarned} warned`);
    throwIfNoCopy(context);
    return ExitCode.done;
  },
};

export const schedule: Command = {
  summary: 'run dbt by the clock: freshness, then what is due',
  help: `usage: schedule [--once]

Asks by TRANSFORM_SCHEDULE (a cron pattern in UTC, seconds allowed) whether BRONZE has moved; if so runs dbt build and
publishes GOLD to DUCKDB_GOLD_PATH, else does nothing. After a failed run only what failed is tried again, until it works.
Runs until it is stopped; the exit code is 1 when the last run had failed.

  --once   one round now; exit code 1 when dbt failed, 4 when a source is stale`,
  options: once,
  writes: ['work files', 'warehouse'],
  isService: unlessOnce,
  run: async (context, values) => {
    if (!values['once']) return (await services.schedule(context)) ? ExitCode.done : ExitCode.failed;
    const { outcome, isFresh } = await scheduleOnce(context);
    if (outcome === 'failed') return ExitCode.failed;
    throwIfNoCopy(context);
    return isFresh ? ExitCode.done : ExitCode.stale;
  },
};
