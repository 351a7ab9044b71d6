import { type FetcherPorts, type MovieOutcome, type MovieOutcomes, runFetcher } from '../consumers/fetcher.ts';
import { FinishedIds } from '../consumers/finished-ids.ts';
import { type Priority, RequestSlots } from '../consumers/request-slots.ts';
import type { KafkaAdmin } from '../kafka/cluster-admin.ts';
import { offsetsOf } from '../kafka/commit.ts';
import { commitsWithFormer, type RenamedGroup } from '../kafka/former-group.ts';
import type { Offsets } from '../kafka/topic.ts';
import { WorkAhead } from '../kafka/work-ahead.ts';
import type { Config } from '../platform/config.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { systemClock } from '../runtime/clock.ts';
import { runTaskGroup } from '../runtime/task-group.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';
import type { Topic } from '../schemas/topics.ts';
import { groupObserver } from './group-observer.ts';
import { takeOver } from './older-version.ts';
import { tellWaits } from './waiting.ts';

/** While ids of both topics wait, one request in this many is for the backfill. */
const backfillEvery = 10;

/** Where to end: exclusive ends by topic. A topic without ends is not read. */
export type FetchEnds = ReadonlyMap<string, Offsets>;

/** One of the fetcher's two topics. */
interface Queue {
  readonly priority: Priority;
  readonly topic: Topic;
  readonly consumer: 'fetcher' | 'fetcherBackfill';
  readonly names: RenamedGroup;
  /** Records that are handled at a time. */
  readonly concurrency: number;
}

/** The queues of ids. */
export function fetchQueues({ kafka, tmdb }: Config): readonly [first: Queue, backfill: Queue] {
  const { topics, groups, formerGroups } = kafka;
  return [
    {
      ...{ priority: 'first', topic: topics.movieIds, consumer: 'fetcher', concurrency: tmdb.concurrency },
      names: { group: groups.fetcher, former: formerGroups.fetcher },
    },
    {
      ...{ priority: 'backfill', topic: topics.movieIdsBackfill, consumer: 'fetcherBackfill' },
      names: { group: groups.fetcherBackfill },
      // The requests of the backfill that wait for a token are ahead of an id that arrives now.
      concurrency: Math.ceil(tmdb.concurrency / 2),
    },
  ];
}

/**
 * Fetches the movies whose ids are waiting, up to `until` or until the signal aborts. Ids of the backfill are fetched when no others wait,
 * except for a share. @returns the number of ids by outcome.
 */
export async function fetchMovies(platform: Platform, context: Context, until?: FetchEnds): Promise<MovieOutcomes> {
  const { config, progress, signal, metrics } = context;
  const { cluster } = await platform.kafka();
  const outcomes = { fetched: 0, gone: 0, parked: 0, skipped: 0 };
  await takeOver(context, cluster.admin, 'fetcher', [config.kafka.topics.movieIds]);
  if (signal.aborted) return outcomes;
  const waiting = [];
  for (const queue of fetchQueues(config)) {
    const ends = until?.get(queue.topic.name);
    const total = ends && (await waitingIds(cluster.admin, queue, ends));
    if (until ? total : true) waiting.push({ queue, ends, total: total ?? 0 });
  }
  const total = until && waiting.reduce((sum, queue) => sum + queue.total, 0);
  const { capacity, windowMs } = config.tmdb.rateLimit;
  const maxPerSecond = (capacity / windowMs) * 1_000;
  let done = 0;
  const onDone = (outcome: MovieOutcome) => {
    outcomes[outcome] += 1;
    done += 1;
    metrics.movies.inc({ outcome });
    progress.update('fetch', { done, ...(total !== undefined && { total }), unit: 'movies', maxPerSecond });
  };
  const finished = await finishedIds(platform, context);
  const slots = new RequestSlots({ slots: config.tmdb.concurrency, backfillEvery });
  await runTaskGroup(
    signal,
    waiting.map(
      ({ queue, ends }) =>
        async (within: AbortSignal) =>
          runFetcher(
            {
              ...(await portsOf(platform, { ...context, signal: within }, queue, finished)),
              admit: (work) => slots.run(queue.priority, work, within),
              onDone,
            },
            { signal: within, ...(ends && { until: ends }) },
          ),
    ),
  );
  return outcomes;
}

/** Both queues share them: an answer for one may finish an id of the other. */
async function finishedIds(platform: Platform, { config, log }: Context): Promise<FinishedIds> {
  const { cluster } = await platform.kafka();
  const { rawMovies, deadLetters } = config.kafka.topics;
  return new FinishedIds({
    readRawMovies: (onRecord) => cluster.readTopic(rawMovies, onRecord),
    readDeadLetters: (onRecord) => cluster.readTopic(deadLetters, onRecord),
    clock: systemClock,
    onReading: () =>
      log.info(
        'the fetcher has no committed offsets in a topic of ids; reading in Kafka which ids were answered or parked',
      ),
  });
}

/** Whether the fetcher has ever published anything that Kafka still has. */
async function hasOutput(admin: KafkaAdmin, { topics }: Config['kafka']): Promise<boolean> {
  const outputs = await Promise.all([topics.rawMovies, topics.deadLetters].map(({ name }) => admin.topicOffsets(name)));
  return outputs.some(({ low, high }) => [...high].some(([partition, end]) => end > (low.get(partition) ?? 0n)));
}

async function portsOf(
  platform: Platform,
  context: Context,
  queue: Queue,
  finished: FinishedIds,
): Promise<FetcherPorts> {
  const { config, log, metrics } = context;
  const { cluster, deadLetters } = await platform.kafka();
  const movieIds = cluster.recordSource(queue.topic, {
    concurrency: queue.concurrency,
    log,
    ...groupObserver(context, queue.consumer),
    isWaiting: () => finished.isReading || platform.tmdbOutage('movie') !== undefined,
    mayBeFinished: () => hasOutput(cluster.admin, config.kafka),
    onOthers: tellWaits(context, 'fetch'),
    ahead: workAhead(context, queue),
  });
  return {
    ...{ movieIds, deadLetters, log, finished, clock: systemClock },
    tmdb: await platform.tmdb(),
    rawMovies: cluster.sink(config.kafka.topics.rawMovies),
    onParked: (reason: DeadLetterReason) => metrics.deadLetters.inc({ reason }),
  };
}

/** Without a successful commit for this time (ms), no new id is fetched. */
const uncommittedMs = 5_000;

/** What `/readyz` calls the commits of each queue. */
const commitNames = { first: 'commits', backfill: 'commits_backfill' } as const;

/**
 * Limits the answers that are published while their ids are not committed: as many as may be in flight, for some seconds. A kill
 * wastes at most these and the requests in flight. While no new id may be fetched, `/readyz` gives the reason.
 */
function workAhead({ metrics, health }: Context, { priority, names: { group }, concurrency }: Queue): WorkAhead {
  const limits = { records: concurrency, ms: uncommittedMs };
  const ahead = new WorkAhead(limits, (records) => metrics.uncommitted.set({ group }, records));
  health.dependsOn(commitNames[priority], async () => {
    if (ahead.trouble !== null) throw new Error(`nothing new is fetched: ${ahead.trouble}`);
  });
  return ahead;
}

/** Offsets of a topic of ids that the fetcher has not committed; compacted ones count, so it is an upper bound. */
export async function waitingIds(
  admin: KafkaAdmin,
  { topic: { name }, names }: Pick<Queue, 'topic' | 'names'>,
  until: Offsets,
): Promise<number> {
  const { low } = await admin.topicOffsets(name);
  const committed = offsetsOf(await commitsWithFormer(admin, names, name));
  return [...until].reduce((sum, [partition, end]) => {
    const [next, first] = [committed.get(partition) ?? 0n, low.get(partition) ?? 0n];
    return sum + Math.max(0, Number(end - (next > first ? next : first)));
  }, 0);
}
