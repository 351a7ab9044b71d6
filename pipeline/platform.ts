import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import type { Config } from '../lib/config.ts';
import { createAdmin, type KafkaAdmin } from '../lib/kafka/admin.ts';
import { startBroker } from '../lib/kafka/broker.ts';
import { createKafka, type Kafka } from '../lib/kafka/client.ts';
import { connectProducer, type KafkaProducer } from '../lib/kafka/sink.ts';
import { lazy } from '../lib/lazy.ts';
import type { Logger } from '../lib/logger.ts';
import type { Progress } from '../lib/progress.ts';
import { Secret } from '../lib/secret.ts';
import { createTmdbClient, type TmdbClient } from '../lib/tmdb/client.ts';
import { openTransport } from '../lib/tmdb/transport.ts';
import { MemoryTokenBucket } from '../lib/token-bucket/memory.ts';
import { startSandbox } from '../sandbox/server.ts';

/** Where the tools are that `scripts/setup.mjs` installs. */
export const toolsDir = join(import.meta.dirname, '..', '.tools');

/** What every command is given. */
export interface Context {
  readonly config: Config;
  readonly log: Logger;
  readonly progress: Progress;
  /** Aborts when we are to stop: stages drain. */
  readonly signal: AbortSignal;
}

/** The clients that stages share: made on first use, here and nowhere else, and closed in reverse order. */
export interface Platform extends AsyncDisposable {
  readonly kafka: () => Promise<KafkaPlatform>;
  readonly tmdb: () => Promise<TmdbClient>;
}

interface KafkaPlatform {
  readonly client: Kafka;
  readonly admin: KafkaAdmin;
  readonly producer: KafkaProducer;
  readonly clusterId: string;
}

export function openPlatform(context: Context): Platform {
  const resources = new AsyncDisposableStack();
  return {
    kafka: lazy(() => openKafka(context, resources)),
    tmdb: lazy(() => openTmdb(context, resources)),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function openKafka(context: Context, resources: AsyncDisposableStack): Promise<KafkaPlatform> {
  const { config, log } = context;
  const { ssl, sasl, partitions, replicationFactor, rawRetentionMs } = config.kafka;
  const brokers = config.kafka.brokers ?? (await startOwnBroker(context, resources));
  const client = createKafka({ brokers, ssl, sasl, clientId: 'tmdb-stream', log });
  const admin = resources.use(await createAdmin(client));
  await admin.ensureTopics({ partitions, replicationFactor, rawRetentionMs });
  const producer = resources.use(await connectProducer(client));
  return { client, admin, producer, clusterId: await admin.clusterId() };
}

async function startOwnBroker(
  { config, progress, signal }: Context,
  resources: AsyncDisposableStack,
): Promise<readonly string[]> {
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
  return broker.brokers;
}

async function openTmdb(context: Context, resources: AsyncDisposableStack): Promise<TmdbClient> {
  const { config, log } = context;
  const { rateLimit, concurrency, timeoutMs, maxBodyBytes, giveUpAfterMs } = config.tmdb;
  const { baseUrl, token, apiKey } = config.origin === 'tmdb' ? config.tmdb : await startOwnSandbox(context, resources);
  const bucket = resources.use(new MemoryTokenBucket(rateLimit, systemClock));
  const transport = resources.use(
    openTransport({ baseUrl, token, apiKey, timeoutMs, maxBodyBytes, connections: concurrency }),
  );
  return createTmdbClient(
    { transport, bucket, baseUrl, concurrency, giveUpAfterMs, windowMs: rateLimit.windowMs, log },
    { clock: systemClock, random: Math.random },
  );
}

/** A TMDb for those without a token: as strict about the limit as the real one. */
async function startOwnSandbox({ config, progress }: Context, resources: AsyncDisposableStack) {
  const { catalogueFile, movies, seed } = config.sandbox;
  const catalogue = catalogueFile ? { catalogueFile } : { movies, seed };
  const sandbox = resources.use(
    await startSandbox({ ...catalogue, limit: config.tmdb.rateLimit, latencyMs: [20, 120] }),
  );
  progress.note(
    `sandbox  no TMDB_TOKEN is set: asking a sandbox at ${sandbox.url} (${catalogueFile ?? `${movies} invented movies`})`,
  );
  return { baseUrl: sandbox.url, token: new Secret('sandbox'), apiKey: undefined };
}
