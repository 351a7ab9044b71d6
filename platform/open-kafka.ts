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
import { PreconditionError } from '../runtime/errors.ts';
import { scrub } from '../runtime/scrub.ts';
import type { Secret } from '../runtime/secret.ts';
import type { DeadLetter } from '../schemas/records.ts';
import type { Config } from './config.ts';
import { type Context, type PlatformOptions, toolsDir } from './context.ts';
import { watchKafka } from './kafka-watch.ts';

/** Kafka, as stages use it. */
export interface KafkaPlatform {
  readonly cluster: KafkaCluster;
  /** Accepts letters whose messages may quote foreign text, and removes our secrets from them. */
  readonly deadLetters: Sink<DeadLetter>;
  readonly clusterId: string;
}

/**
 * Connects to the configured brokers, or starts a local broker, and prepares the topics.
 * @param resources closes what is opened here. @throws KafkaError, BrokerError, PreconditionError.
 */
export async function openKafka(
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
