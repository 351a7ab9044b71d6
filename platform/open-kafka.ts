import { join } from 'node:path';
import type { KafkaAccess } from '../kafka/access.ts';
import { brokerOwner } from '../kafka/broker/claim.ts';
import { startLocalBroker } from '../kafka/broker/local-broker.ts';
import { type KafkaCluster, type OpenKafkaCluster, openKafkaCluster } from '../kafka/cluster.ts';
import type { KafkaAdmin } from '../kafka/cluster-admin.ts';
import { BrokerError } from '../kafka/errors.ts';
import type { Sink } from '../kafka/topic.ts';
import { lineOf } from '../kafka/topic-preconditions.ts';
import { segmentMs, type TopicSettings } from '../kafka/topic-settings.ts';
import { systemClock } from '../runtime/clock.ts';
import { PreconditionError } from '../runtime/errors.ts';
import type { DeadLetter } from '../schemas/records.ts';
import type { Config } from './config.ts';
import { type Context, type PlatformOptions, toolsDir } from './context.ts';
import { deadLetterSink } from './dead-letter-sink.ts';
import { watchKafka } from './kafka-watch.ts';
import { brokerDir, type LocalServices } from './local-services.ts';

/** Kafka, as stages use it. */
export interface KafkaPlatform {
  readonly cluster: KafkaCluster;
  /** Accepts letters whose messages may quote foreign text, and removes our secrets and old answers from them. */
  readonly deadLetters: Sink<DeadLetter>;
  readonly clusterId: string;
}

/**
 * Connects to the configured brokers, to that of `up`, or to a local broker that it starts, and prepares the topics.
 * @param resources closes what is opened here. @param local finds `up`. @throws KafkaError, BrokerError, PreconditionError.
 */
export async function openKafka(
  context: Context,
  resources: AsyncDisposableStack,
  options: PlatformOptions,
  local: () => Promise<LocalServices | null>,
): Promise<KafkaPlatform> {
  const { config, log, health, signal } = context;
  const { ssl, clientCertificate, skips, topics } = config.kafka;
  const { isService = false, kafkaPatienceMs } = options;
  let cluster: OpenKafkaCluster | undefined;
  let isConnected = false;
  health.dependsOn('kafka', async () => {
    const reason = cluster?.outage;
    if (!isConnected) throw new Error(reason ? `not connected yet: ${reason}` : 'not connected yet');
    if (reason) throw new Error(reason);
  });
  const { ended, ...access } = await findBroker(context, resources, options, local);
  const opened = openKafkaCluster({
    ...{
      ...access,
      ssl,
      clientCertificate,
      schemaRegistry: config.schemaRegistry,
      proxy: config.proxy,
      clientId: 'tmdb-stream',
      topics,
      skips,
      log,
      signal,
    },
    ...(kafkaPatienceMs !== undefined && { patienceMs: kafkaPatienceMs }),
    ...(isService && { patienceMs: Number.POSITIVE_INFINITY }),
  });
  cluster = resources.use(opened);
  void ended?.then(() => opened.giveUp(new BrokerError('the local Kafka broker has ended: start again')));
  if (isService) resources.use(watchKafka(opened, health));
  const clusterId = await opened.admin.clusterId();
  await prepareTopics(context, opened.admin, options);
  if (mayWrite(options)) await opened.registerSchemas();
  const rules = { secrets: config.secrets, topics, maxAnswerAgeMs: maxAnswerAgeMs(config) };
  const deadLetters = deadLetterSink(opened.sink(topics.deadLetters), rules);
  isConnected = true;
  return { cluster: opened, deadLetters, clusterId };
}

/**
 * The greatest age (ms) of an answer that may be written to a topic, as a dead letter or sent back: Kafka keeps it there as long as a
 * new record, and deletes it before it is older than TMDB_RETENTION.
 */
export const maxAnswerAgeMs = ({ kafka, tmdb }: Pick<Config, 'kafka' | 'tmdb'>): number =>
  tmdb.retentionMs - kafka.rawRetentionMs - segmentMs;

/** The guaranteed settings of our topics. */
export const topicSettingsOf = ({ kafka, tmdb }: Pick<Config, 'kafka' | 'tmdb'>): TopicSettings => {
  const { partitions, replicationFactor, rawRetentionMs } = kafka;
  return { partitions, replicationFactor, rawRetentionMs, maxBodyBytes: tmdb.maxBodyBytes };
};

/** Commands that only look, and dry runs, leave the topics to others. */
const mayWrite = ({ topics = 'require' }: PlatformOptions): boolean => topics === 'require';

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

interface Found extends KafkaAccess {
  readonly currentAccess?: () => KafkaAccess;
  /** Of a broker of this process. */
  readonly ended?: Promise<unknown>;
}

async function findBroker(
  context: Context,
  resources: AsyncDisposableStack,
  { mayJoinBroker = false, startsNoBroker = false }: PlatformOptions,
  local: () => Promise<LocalServices | null>,
): Promise<Found> {
  const { dataDir, kafka } = context.config;
  if (kafka.brokers) return { brokers: kafka.brokers, sasl: kafka.sasl };
  const services = await local();
  if (services) return { ...services().kafka, currentAccess: () => services().kafka };
  const ofRun = mayJoinBroker ? brokerOwner(brokerDir(dataDir))?.access : null;
  if (!ofRun && startsNoBroker) throw new BrokerError('no broker runs for this data folder');
  return ofRun ?? (await startOwnBroker(context, resources));
}

async function startOwnBroker({ config, progress, signal }: Context, resources: AsyncDisposableStack): Promise<Found> {
  const started = systemClock.monotonic();
  const options = {
    dataDir: brokerDir(config.dataDir),
    jarsDir: join(toolsDir, 'kafka'),
    env: config.childEnvironment,
    signal,
  };
  const starting = progress.busy('broker', 'starting Kafka');
  const broker = resources.use(await startLocalBroker(options).finally(() => starting[Symbol.dispose]()));
  progress.note(
    `broker   Kafka ready in ${((systemClock.monotonic() - started) / 1_000).toFixed(1)} s (data in ${options.dataDir})`,
  );
  return broker;
}
