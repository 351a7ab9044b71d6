import { sampleGauges, type Watched } from '../dead-letters/sample.ts';
import { KafkaError } from '../kafka/errors.ts';
import type { Context } from '../platform/context.ts';
import { openPlatform, type Platform } from '../platform/platform.ts';
import { systemClock } from '../runtime/clock.ts';
import { ExitCode, isRetriable } from '../runtime/errors.ts';
import { Health } from '../runtime/health.ts';
import { repeat } from '../runtime/repeat.ts';
import { type ServiceName, serviceNames } from '../runtime/service-names.ts';
import { leaveWithin } from '../runtime/shutdown.ts';
import { runTaskGroup } from '../runtime/task-group.ts';
import { TmdbError } from '../tmdb/errors.ts';
import { runSchedule } from '../transform/scheduler.ts';
import { openDbt } from '../transform/transform.ts';
import { readCoverage } from './coverage.ts';
import type { Coverage } from './coverage-report.ts';
import { fetchGenres, readExport, walkChanges, walkPopular } from './discovery.ts';
import { fetchMovies, fetchQueues } from './fetch-movies.ts';
import { keepCoverage } from './regular-coverage.ts';
import { runAsService } from './service.ts';
import { type LoadOptions, loadBronze } from './stages.ts';

/** One stage that runs until the context's signal aborts, and then drains. */
interface Part {
  readonly name: ServiceName;
  run(platform: Platform, context: Context): Promise<unknown>;
}

/** How long (ms) a producer may be silent: during an outage of TMDb, one page can wait for `giveUpAfterMs` and some further attempts. */
const producerSilenceMs = ({ config }: Context) => Math.max(20 * 60_000, config.tmdb.giveUpAfterMs + 5 * 60_000);

/**
 * Any failure of TMDb is transient, so the other parts continue. Calls to Kafka wait until an outage ends. The only remaining failure is
 * a topic that does not exist, which the next start creates.
 */
const isOutage = (error: unknown): boolean =>
  error instanceof TmdbError || (isRetriable(error) && !(error instanceof KafkaError));

interface Producing {
  /** The list of TMDb that it reads. */
  readonly list: 'popular' | 'changes' | 'export' | 'genres';
  readonly everyMs: number;
}

const everySo = (
  name: ServiceName,
  { list, everyMs }: Producing,
  work: (platform: Platform, context: Context) => Promise<unknown>,
): Part => ({
  name,
  run: (platform, context) => {
    const onAlive = context.health.pulse(name, producerSilenceMs(context));
    let outage: Error | null = null;
    context.health.dependsOn(`list_${list}`, async () => {
      if (outage) throw outage;
    });
    // A walk of all pages takes longer than the pulse allows: each page beats it.
    const within = { ...context, progress: { ...context.progress, update: onAlive } };
    return repeat(async () => void (await work(platform, within)), {
      everyMs,
      isOutage,
      clock: systemClock,
      random: Math.random,
      signal: context.signal,
      log: context.log,
      onAlive,
      onOutage: (error) => {
        outage = error;
      },
    });
  },
});

export interface ProducerOptions {
  readonly everyMs: number;
}

const popular = ({ everyMs, pages }: ProducerOptions & { readonly pages: number }): Part =>
  everySo(serviceNames.producerPopular, { list: 'popular', everyMs }, async (platform, context) => {
    const walk = await walkPopular(platform, context, pages);
    context.log.info(walk, 'walked the popular list');
  });

const changes = ({ everyMs }: ProducerOptions): Part =>
  everySo(serviceNames.producerChanges, { list: 'changes', everyMs }, async (platform, context) => {
    context.log.info(await walkChanges(platform, context), 'walked the lists of changes');
  });

const exported = ({ everyMs }: ProducerOptions): Part =>
  everySo(serviceNames.producerExport, { list: 'export', everyMs }, async (platform, context) => {
    context.log.info(await readExport(platform, context), 'read the daily export');
  });

const genres = ({ everyMs }: ProducerOptions): Part =>
  everySo(serviceNames.producerGenres, { list: 'genres', everyMs }, async (platform, context) => {
    // Half the interval: movies of the last round must not be fresh any more if the next round starts a second early.
    const look = await fetchGenres(platform, context, Math.min(context.config.tmdb.refreshAfterMs, everyMs / 2));
    context.log.info(look, 'checked the genre list');
  });

const fetchGroups = ({ config }: Context) =>
  fetchQueues(config).map(({ names, topic }) => ({ ...names, topics: [topic.name] }));

const loadGroup = ({ config: { kafka } }: Context) => ({
  group: kafka.groups.loader,
  former: kafka.formerGroups.loader,
  topics: [kafka.topics.rawMovies.name, kafka.topics.rawGenres.name],
});

const fetcher: Part = { name: serviceNames.fetcher, run: (platform, context) => fetchMovies(platform, context) };

const loader = (options: LoadOptions = {}): Part => ({
  name: serviceNames.loader,
  run: (platform, context) => loadBronze(platform, context, options),
});

const scheduler: Part = {
  name: serviceNames.scheduler,
  run: (platform, context) => scheduleWithDbt(context, () => readCoverage(platform, context, { mostMissing: null })),
};

/** Runs parts concurrently as one service; if one fails, all end. A part that runs alone needs other processes, and so their broker. */
async function serve(context: Context, parts: readonly Part[], watched: Watched): Promise<readonly unknown[]> {
  return runAsService(context, async () => {
    await using platform = openPlatform(context, { isService: true, waitsForUp: parts.length === 1 });
    const over = new AbortController();
    void sampleGauges(platform, { ...context, signal: AbortSignal.any([context.signal, over.signal]) }, watched);
    try {
      const stages = parts.map((part) => (signal: AbortSignal) => {
        const within = { ...context, signal, ...(parts.length > 1 && { log: logOf(context, part) }) };
        return part.run(platform, within).catch((error) => {
          // The others drain, as after a signal; a part that hangs must not keep a failed service alive.
          leaveWithin(context.config.drainTimeoutMs, ExitCode.failed, (text) => context.log.error(text));
          throw error;
        });
      });
      return await runTaskGroup(context.signal, stages);
    } finally {
      over.abort();
    }
  });
}

/** Each resolves when it has drained after the signal. @throws the error of the stage: then the process must end. */
export const services = {
  popular: (context: Context, options: ProducerOptions & { readonly pages: number }): Promise<unknown> =>
    serve(context, [popular(options)], { groups: [], tokens: true }),

  changes: (context: Context, options: ProducerOptions): Promise<unknown> =>
    serve(context, [changes(options)], { groups: [], tokens: true }),

  export: (context: Context, options: ProducerOptions): Promise<unknown> =>
    serve(context, [exported(options)], { groups: [], tokens: false }),

  genres: (context: Context, options: ProducerOptions): Promise<unknown> =>
    serve(context, [genres(options)], { groups: [], tokens: true }),

  fetch: (context: Context): Promise<unknown> =>
    serve(context, [fetcher], { groups: fetchGroups(context), tokens: true }),

  load: (context: Context, options: Pick<LoadOptions, 'acceptedGaps'>): Promise<unknown> =>
    serve(context, [loader(options)], { groups: [loadGroup(context)], tokens: false }),

  /** @returns whether the last run of dbt succeeded. */
  schedule: (context: Context): Promise<boolean> =>
    runAsService(context, () => scheduleWithDbt(context, () => lookAtCoverage(context))),

  /** All of them in one process. @returns whether the last run of dbt succeeded. */
  all: async (context: Context, options: AllOptions): Promise<boolean> => {
    const parts: Part[] = [
      popular({ everyMs: options.popularEveryMs, pages: options.pages }),
      ...(options.changesEveryMs === undefined ? [] : [changes({ everyMs: options.changesEveryMs })]),
      ...(options.exportEveryMs === undefined ? [] : [exported({ everyMs: options.exportEveryMs })]),
      genres({ everyMs: options.genresEveryMs }),
      fetcher,
      loader(),
      scheduler,
    ];
    const results = await serve(context, parts, {
      groups: [...fetchGroups(context), loadGroup(context)],
      tokens: true,
    });
    return results.at(-1) === true;
  },
};

export interface AllOptions {
  readonly pages: number;
  readonly popularEveryMs: number;
  readonly genresEveryMs: number;
  /** undefined: the lists of changes are not walked. */
  readonly changesEveryMs: number | undefined;
  /** undefined: the export is not read. */
  readonly exportEveryMs: number | undefined;
}

/** Lines of the log of a part have the name of its own service, as if it were a process. */
const logOf = ({ log }: Context, { name: service }: Part): Context['log'] => log.child({ service });

/** @returns whether the last run of dbt succeeded. */
async function scheduleWithDbt(context: Context, read: () => Promise<Coverage>): Promise<boolean> {
  await using dbt = openDbt(context, 'warm');
  const [isGood] = await runTaskGroup(context.signal, [
    (signal) => runSchedule({ ...context, signal }, dbt),
    (signal) => keepCoverage({ ...context, signal }, read),
  ]);
  return isGood === true;
}

/** The scheduler itself needs no Kafka: it connects for this report only, and is ready without it. */
async function lookAtCoverage(context: Context): Promise<Coverage> {
  const look = { ...context, health: new Health(systemClock, context.config.secrets) };
  const options = { mayJoinBroker: true, topics: 'look', kafkaPatienceMs: 5_000, startsNoBroker: true } as const;
  await using platform = openPlatform(look, options);
  return await readCoverage(platform, look, { mostMissing: null });
}
