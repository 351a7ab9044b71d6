import { join } from 'node:path';
import type { Broker } from '../kafka/broker/broker.ts';
import { runningBroker } from '../kafka/broker/claim.ts';
import { startBroker } from '../kafka/broker/start-broker.ts';
import { type KafkaCluster, type OpenKafkaCluster, openKafkaCluster } from '../kafka/cluster.ts';
import type { KafkaAdmin } from '../kafka/cluster-admin.ts';
import { BrokerError } from '../kafka/errors.ts';
import type { Sink } from '../kafka/topic.ts';
import { lineOf } from '../kafka/topic-preconditions.ts';
import type { TopicSettings } from '../kafka/topic-settings.ts';
import { systemClock } from '../runtime/clock.ts';
import { isRetriable, PreconditionError } from '../runtime/errors.ts';
import type { Health } from '../runtime/health.ts';
import { lazy } from '../runtime/lazy.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Progress } from '../runtime/progress.ts';
import { proxyFor } from '../runtime/proxy.ts';
import { scrub } from '../runtime/scrub.ts';
import { Secret } from '../runtime/secret.ts';
import type { DeadLetter } from '../schemas/records.ts';
import { type Endpoint, endpoints, type Outage } from '../tmdb/endpoint.ts';
import type { RequestObserver, TmdbClient } from '../tmdb/tmdb-client.ts';
import { MemoryTokenBucket } from '../tmdb/token-bucket/memory.ts';
import type { SharedTokenBucket } from '../tmdb/token-bucket/shared.ts';
import type { TokenBucket } from '../tmdb/token-bucket/token-bucket.ts';
import type { Config } from './config.ts';
import { watchKafka } from './kafka-watch.ts';

/** The folder in which `scripts/setup.mjs` installs the tools. */
export const toolsDir = join(import.meta.dirname, '..', '.tools');

/** The input of every command. */
export interface Context {
  readonly config: Config;
  readonly log: Logger;
  readonly progress: Progress;
  /** Aborts when the process is asked to stop. Stages then drain. */
  readonly signal: AbortSignal;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** The clients that stages share. They are created only here, on first use, and closed in reverse order. */
export interface Platform extends AsyncDisposable {
  readonly kafka: () => Promise<KafkaPlatform>;
  readonly bucket: () => Promise<TokenBucket>;
  readonly tmdb: () => Promise<TmdbClient>;
  /** Why an endpoint of TMDb is out, as this process sees it; undefined while it answers. */
  readonly tmdbOutage: (endpoint: Endpoint) => Outage | undefined;
}

interface KafkaPlatform {
  readonly cluster: KafkaCluster;
  /** Accepts letters whose messages may quote foreign text, and removes our secrets from them. */
  readonly deadLetters: Sink<DeadLetter>;
  readonly clusterId: string;
}

export interface PlatformOptions {
  /**
   * Whether a broker that another run has started may be used. Only for commands that send no request to TMDb, because
   * each run has its own token bucket.
   */
  readonly mayJoinBroker?: boolean;
  /** How long (ms) a call to Kafka may fail before it gives up. @default 20 s, for a user at a terminal */
  readonly kafkaPatienceMs?: number;
  /**
   * Behave as a service: wait for Kafka and for movie details without limit, and retry refused credentials once every
   * `refusedForMs`. @default false
   */
  readonly isService?: boolean;
  /**
   * How to treat our topics when Kafka is first used. `require`: create missing topics, and refuse to start if a finding
   * would lose records. `exist`: the same, but refuse to start if a topic is missing; for dry runs. `look`: create nothing, and
   * only log findings; for commands that only look, which treat a missing topic as empty. `leave`: create nothing and check
   * nothing. @default 'require'
   */
  readonly topics?: 'require' | 'exist' | 'look' | 'leave';
}

/** How long (ms) a service waits before it retries refused credentials. */
const refusedForMs = 60_000;

export function openPlatform(context: Context, options: PlatformOptions = {}): Platform {
  const resources = new AsyncDisposableStack();
  const bucket = lazy(() => openBucket(context, resources));
  const outages = new Map<Endpoint, Outage>();
  return {
    kafka: lazy(() => openKafka(context, resources, options)),
    bucket,
    tmdb: lazy(async () => openTmdb(context, resources, await bucket(), outages, options)),
    tmdbOutage: (endpoint) => outages.get(endpoint),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function openKafka(
  context: Context,
  resources: AsyncDisposableStack,
  options: PlatformOptions,
): Promise<KafkaPlatform> {
  const { config, log, health, signal } = context;
  const { ssl, skips, topics, brokers: given, sasl: login } = config.kafka;
  const { isService = false, kafkaPatienceMs } = options;
  let cluster: OpenKafkaCluster | undefined;
  let isConnected = false;
  health.dependsOn('kafka', async () => {
    const reason = cluster?.outage;
    if (!isConnected) throw new Error(reason ? `not connected yet: ${reason}` : 'not connected yet');
    if (reason) throw new Error(reason);
  });
  const { brokers, sasl, ended } = given
    ? { brokers: given, sasl: login, ended: undefined }
    : await ownBroker(context, resources, options);
  const opened = openKafkaCluster({
    ...{ brokers, ssl, sasl, clientId: 'tmdb-stream', topics, skips, log, signal },
    ...(kafkaPatienceMs !== undefined && { patienceMs: kafkaPatienceMs }),
    ...(isService && { patienceMs: Number.POSITIVE_INFINITY }),
  });
  cluster = resources.use(opened);
  void ended?.then(() => opened.giveUp(new BrokerError('the local Kafka broker has ended: start again')));
  if (isService) resources.use(watchKafka(opened, health));
  const clusterId = await opened.admin.clusterId();
  await prepareTopics(context, opened.admin, options);
  const deadLetters = withoutSecrets(opened.sink(topics.deadLetters), config.secrets);
  isConnected = true;
  return { cluster: opened, deadLetters, clusterId };
}

const withoutSecrets = (letters: Sink<DeadLetter>, secrets: readonly Secret[]): Sink<DeadLetter> => ({
  publish: (records) =>
    letters.publish(
      records.map(({ value, ...record }) => ({
        ...record,
        value: { ...value, message: scrub(value.message, secrets) },
      })),
    ),
  [Symbol.asyncDispose]: () => letters[Symbol.asyncDispose](),
});

/** The guaranteed settings of our topics. */
export const topicSettingsOf = ({ kafka, tmdb }: Pick<Config, 'kafka' | 'tmdb'>): TopicSettings => {
  const { partitions, replicationFactor, rawRetentionMs } = kafka;
  return { partitions, replicationFactor, rawRetentionMs, maxBodyBytes: tmdb.maxBodyBytes };
};

/** @throws PreconditionError for topics that would lose records, or are missing and are not to be created. */
async function prepareTopics(
  { config, log, metrics }: Context,
  admin: KafkaAdmin,
  { topics = 'require' }: PlatformOptions,
): Promise<void> {
  if (topics === 'leave') return;
  const settings = topicSettingsOf(config);
  if (topics === 'require') await admin.ensureTopics(settings);
  const missing = topics === 'exist' ? await admin.missingTopics() : [];
  if (missing.length > 0) {
    throw new PreconditionError(`these topics are missing: ${missing.join(', ')}. "topics --apply" creates them`);
  }
  const findings = await admin.examineTopics(settings);
  for (const { topic, setting, actual, wanted, why, remedy } of findings) {
    metrics.preconditionsUnmet.set({ subject: topic, setting }, 1);
    log.warn({ topic, setting, actual, wanted, remedy }, `a topic is not as expected: ${why}`);
  }
  const refused = findings.filter(({ verdict }) => verdict === 'refuse');
  if (refused.length === 0 || topics === 'look') return;
  throw new PreconditionError(
    `the topics would lose records:\n${refused.map((finding) => `  ${lineOf(finding)}`).join('\n')}`,
  );
}

async function ownBroker(
  { config, progress, signal }: Context,
  resources: AsyncDisposableStack,
  { mayJoinBroker = false }: PlatformOptions,
): Promise<Pick<Broker, 'brokers' | 'sasl'> & { readonly ended?: Promise<unknown> }> {
  const running = mayJoinBroker ? runningBroker(join(config.dataDir, 'kafka')) : null;
  if (running !== null) return { brokers: [running.address], sasl: running.sasl };
  const started = systemClock.monotonic();
  const options = {
    dataDir: join(config.dataDir, 'kafka'),
    jarsDir: join(toolsDir, 'kafka'),
    env: config.childEnvironment,
    signal,
  };
  const broker = resources.use(await startBroker(options));
  progress.note(
    `broker   Kafka ready in ${((systemClock.monotonic() - started) / 1_000).toFixed(1)} s (data in ${options.dataDir})`,
  );
  return broker;
}

/** The bucket of the whole fleet, or of this process alone. */
async function openBucket(context: Context, resources: AsyncDisposableStack): Promise<TokenBucket> {
  const { config, log, health, metrics } = context;
  const { rateLimit: limit, timeoutMs: requestTimeoutMs } = config.tmdb;
  if (!config.tokenBucketUrl) return resources.use(new MemoryTokenBucket(limit, systemClock));
  const url = config.tokenBucketUrl;
  // Loaded here, because loading Redis's client takes a quarter of a command's start.
  const { openSharedTokenBucket } = await import('../tmdb/token-bucket/redis.ts');
  const { examineEviction } = await import('../tmdb/token-bucket/eviction.ts');
  let bucket: SharedTokenBucket | undefined;
  health.dependsOn('token_bucket', async () => {
    if (!bucket?.isReachable) throw new Error('the store of the token bucket cannot be reached');
  });
  bucket = resources.use(await openSharedTokenBucket({ url, limit, requestTimeoutMs, clock: systemClock, log }));
  // The bucket itself reports that its store cannot be reached.
  const finding = await examineEviction(url).catch((error) => {
    if (isRetriable(error)) return null;
    throw error;
  });
  if (finding) {
    const { setting, why, ...fields } = finding;
    metrics.preconditionsUnmet.set({ subject: 'token_bucket', setting }, 1);
    log.warn({ setting, ...fields }, why);
  }
  return bucket;
}

async function openTmdb(
  context: Context,
  resources: AsyncDisposableStack,
  bucket: TokenBucket,
  outages: Map<Endpoint, Outage>,
  { isService = false }: PlatformOptions,
): Promise<TmdbClient> {
  const { config, log } = context;
  // Loaded here, because many commands send no request to TMDb.
  const { createTmdbClient } = await import('../tmdb/client.ts');
  const { openTransport } = await import('../tmdb/transport.ts');
  const { rateLimit, concurrency, timeoutMs, maxBodyBytes, giveUpAfterMs } = config.tmdb;
  const { baseUrl, token, apiKey } = config.origin === 'tmdb' ? config.tmdb : await startOwnSandbox(context, resources);
  const transport = resources.use(
    openTransport({
      ...{ baseUrl, token, apiKey, timeoutMs, maxBodyBytes, connections: concurrency },
      proxy: proxyFor(baseUrl, config.proxy),
    }),
  );
  return createTmdbClient(
    {
      ...{ transport, bucket, baseUrl, concurrency, giveUpAfterMs, windowMs: rateLimit.windowMs, log },
      ...(isService && { neverGivenUp: ['movie'], refusedForMs }),
      observer: observeTmdb(context, outages),
    },
    { clock: systemClock, random: Math.random },
  );
}

/** Counts requests, and shows in metrics and readiness which endpoints are out. */
function observeTmdb({ metrics, health }: Context, outages: Map<Endpoint, Outage>): RequestObserver {
  for (const endpoint of endpoints) {
    health.dependsOn(`tmdb_${endpoint}`, async () => {
      const outage = outages.get(endpoint);
      if (outage) throw new Error(outage.message);
    });
  }
  return {
    answered: (endpoint, outcome) => metrics.requests.inc({ endpoint, outcome }),
    waited: (ms) => metrics.tokenWait.observe(ms / 1_000),
    outage: (endpoint, outage) => {
      const before = outages.get(endpoint);
      if (before) metrics.endpointOut.set({ endpoint, reason: before.reason }, 0);
      if (outage) metrics.endpointOut.set({ endpoint, reason: outage.reason }, 1);
      if (outage) outages.set(endpoint, outage);
      else outages.delete(endpoint);
    },
  };
}

/** A sandbox for users without a token. It enforces the rate limit as strictly as TMDb. */
async function startOwnSandbox({ config, progress }: Context, resources: AsyncDisposableStack) {
  const { catalogueFile, movies, seed } = config.sandbox;
  const catalogue = catalogueFile ? { catalogueFile } : { movies, seed };
  const { startSandbox } = await import('../sandbox/server.ts');
  const sandbox = resources.use(
    await startSandbox({ ...catalogue, limit: config.tmdb.rateLimit, latencyMs: [20, 120] }),
  );
  progress.note(
    `sandbox  no TMDB_TOKEN is set: using a sandbox at ${sandbox.url} (${catalogueFile ?? `${movies} invented movies`})`,
  );
  return { baseUrl: sandbox.url, token: new Secret('sandbox'), apiKey: undefined };
}
