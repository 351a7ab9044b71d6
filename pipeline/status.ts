import { z } from 'zod';
import type { KafkaAdmin } from '../kafka/cluster-admin.ts';
import { offsetsOf } from '../kafka/commit.ts';
import { commitsWithFormer, type RenamedGroup } from '../kafka/former-group.ts';
import { lagOf } from '../kafka/lag.ts';
import type { Offsets } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import { openPlatform, type Platform } from '../platform/platform.ts';
import { systemClock } from '../runtime/clock.ts';
import { messageOf, PreconditionError } from '../runtime/errors.ts';
import { scrub } from '../runtime/scrub.ts';
import { count, time, type ValueOf } from '../runtime/shape.ts';
import { refuseFormerTopic } from '../warehouse/adoption.ts';
import { keptCoverageShape } from './coverage-report.ts';
import { readLastCoverage } from './last-coverage.ts';
import { type Positions, readWarehouse, topicKey, unreadWarehouse, warehouseShape } from './warehouse-status.ts';

const topicShape = z.object({
  topic: z.string().describe('name of the topic'),
  records: count.describe('records in it now; offsets that compaction removed count'),
  consumer: z.string().nullable().describe('the consumer group that reads it; null if no stage does'),
  waiting: count.nullable().describe('records that the consumer has not processed; null if unknown'),
  oldestWaitingSeconds: count.nullable().describe('age of the oldest of them; 0 if none waits, null if unknown'),
});

const bucketShape = z.object({
  left: count.describe('requests that could be sent now'),
  capacity: count.describe('requests in any window'),
  windowSeconds: z.number().describe('length of a window'),
  pausedSeconds: z.number().describe('remaining time of a pause after a 429; 0 if there is none'),
  requestsWaiting: count.describe('requests that wait for a token'),
});

const partShape = z.enum(['topics', 'tokens', 'warehouse', 'coverage']);

/** The status for an engineer on call. What could not be read is null, and `errors` has the reason. */
export const statusShape = z.object({
  readAt: time.describe('when it was read'),
  topics: z.array(topicShape).nullable().describe('the topics, and how far their consumers are'),
  tokens: bucketShape
    .nullable()
    .describe('the shared token bucket; null without TOKEN_BUCKET_URL and without `tmdb-stream up`'),
  ...warehouseShape.shape,
  coverage: keptCoverageShape
    .extend({ ageSeconds: z.number().describe('time since it was read') })
    .nullable()
    .describe('the last report of `coverage`; null before the first'),
  errors: z
    .array(
      z.object({
        part: partShape.describe('the part; warehouse: layers, lastFlush, lastDbtRun and lastDayAtSnowflake'),
        message: z.string().describe('why it could not be read'),
      }),
    )
    .describe('parts that could not be read: these are null, or their values that are unknown'),
});
export type Status = ValueOf<typeof statusShape>;
type Part = z.output<typeof partShape>;

/** Keeps its clients open, because `--watch` reads repeatedly. */
export interface StatusReader extends AsyncDisposable {
  /** Reads Kafka, the bucket, the ledger and dbt's record of its runs. If a part is unreachable, `errors` has the reason. */
  read(): Promise<Status>;
}

/** @param startsNoBroker Without KAFKA_BROKERS and without a running broker, the topics cannot be read. */
export function openStatus(context: Context, { startsNoBroker = false } = {}): StatusReader {
  const options = { mayJoinBroker: true, topics: 'look', kafkaPatienceMs: 5_000, startsNoBroker } as const;
  const open = () => openPlatform(context, options);
  let platform = open();
  return {
    read: async () => {
      const status = await readStatus(platform, context);
      if (status.topics === null) {
        // A platform keeps the result of its first connection attempt, so the next read needs a new one.
        await platform[Symbol.asyncDispose]();
        platform = open();
      }
      return status;
    },
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
}

/** Why a part, or a value of it, could not be read; undefined if all could. */
export const errorOf = ({ errors }: Status, part: Part): string | undefined =>
  errors.find((error) => error.part === part)?.message;

/** The first line of an error, for a page or a report. A server that refuses a login may have repeated its password. */
export const reasonOf = (error: unknown, { config }: Pick<Context, 'config'>): string =>
  scrub(messageOf(error), config.secrets).split('\n')[0] ?? '';

/** Reads each part independently: the status matters most when a part is unreachable. */
async function readStatus(platform: Platform, context: Context): Promise<Status> {
  const readAt = new Date(systemClock.now());
  const errors: { readonly part: Part; readonly message: string }[] = [];
  const orElse = async <T>(part: Part, otherwise: T, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      context.signal.throwIfAborted();
      errors.push({ part, message: reasonOf(error, context) });
      return otherwise;
    }
  };
  const reading = orElse('warehouse', unreadWarehouse, () => readWarehouse(context));
  const [topics, tokens, coverage, { tables }] = await Promise.all([
    orElse('topics', null, async () => {
      const { cluster, clusterId } = await platform.kafka();
      const { rows, problem } = await lags(context, cluster.admin, clusterId, (await reading).positions);
      if (problem) errors.push({ part: 'topics', message: reasonOf(problem, context) });
      return rows;
    }),
    orElse('tokens', null, () => readTokens(platform)),
    orElse('coverage', null, async () => lastCoverage(context, readAt)),
    reading,
  ]);
  return { readAt, topics, tokens, ...tables, coverage, errors };
}

function lastCoverage(context: Context, now: Date): Status['coverage'] {
  const last = readLastCoverage(context);
  return last && { ...last, ageSeconds: Math.max(0, now.getTime() - last.readAt.getTime()) / 1_000 };
}

/** Only a shared bucket can be read from here; the bucket of another process is private. */
async function readTokens(platform: Platform): Promise<Status['tokens']> {
  if (!(await platform.isBucketShared())) return null;
  const { capacity, windowMs, tokensLeft, waiting, pausedMs } = await (await platform.bucket()).state();
  return {
    left: tokensLeft,
    capacity,
    windowSeconds: windowMs / 1_000,
    pausedSeconds: pausedMs / 1_000,
    requestsWaiting: waiting,
  };
}

/**
 * Topic → what its consumer has finished. For the raw topics this comes from the ledger, never from Kafka's committed offset; without the
 * ledger, and on a cluster that another one has replaced, it is unknown.
 * @returns also why it is unknown on this cluster.
 */
async function lags(
  { config }: Context,
  admin: KafkaAdmin,
  clusterId: string,
  positions: Positions | null,
): Promise<{ readonly rows: ValueOf<typeof topicShape>[]; readonly problem: PreconditionError | null }> {
  const { topics, groups, formerGroups } = config.kafka;
  // A look creates no topic. A missing one has no records.
  const missing: readonly string[] = await admin.missingTopics();
  let problem: PreconditionError | null = null;
  const inLedger = async (topic: string): Promise<Offsets | null> => {
    if (positions === null || missing.includes(topic)) return positions && new Map();
    const id = { clusterId, topic, topicId: await admin.topicId(topic) };
    try {
      return refuseFormerTopic(id, positions.get(topicKey(clusterId, topic, id.topicId)) ?? new Map());
    } catch (error) {
      if (!(error instanceof PreconditionError)) throw error;
      problem ??= error;
      return null;
    }
  };
  const inGroup = async (names: RenamedGroup, topic: string): Promise<Offsets> =>
    missing.includes(topic) ? new Map() : offsetsOf(await commitsWithFormer(admin, names, topic));
  const fetcher = { group: groups.fetcher, former: formerGroups.fetcher };
  const backfill = { group: groups.fetcherBackfill };
  const consumers: [string, string | null, Offsets | null][] = [
    [topics.movieIds.name, groups.fetcher, await inGroup(fetcher, topics.movieIds.name)],
    [topics.movieIdsBackfill.name, backfill.group, await inGroup(backfill, topics.movieIdsBackfill.name)],
    [topics.rawMovies.name, groups.loader, await inLedger(topics.rawMovies.name)],
    [topics.rawGenres.name, groups.loader, await inLedger(topics.rawGenres.name)],
    [topics.producerState.name, null, null],
    [topics.deadLetters.name, null, null],
  ];
  const rows: ValueOf<typeof topicShape>[] = [];
  for (const [topic, consumer, done] of consumers) {
    const counts = missing.includes(topic)
      ? { records: 0, waiting: done && 0, oldestWaitingSeconds: null }
      : await countsOf(admin, topic, done);
    rows.push({ topic, consumer, ...counts });
  }
  return { rows, problem };
}

/** The records of a topic, and how many of them its consumer has not done. */
async function countsOf(admin: KafkaAdmin, topic: string, done: Offsets | null) {
  const { low, high } = await admin.topicOffsets(topic);
  const records = [...high].reduce((sum, [partition, end]) => sum + end - (low.get(partition) ?? 0n), 0n);
  const lag = done && (await lagOf(admin, topic, done, systemClock.now()));
  return {
    records: Number(records),
    waiting: lag?.records ?? null,
    oldestWaitingSeconds: lag?.seconds ?? null,
  };
}
