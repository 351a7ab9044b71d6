import { z } from 'zod';
import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import { choice, count, duration, durationFrom, flag, list, listOf, secret, text } from '../runtime/setting-kinds.ts';
import { allTopics, createTopics, maxPrefixLength } from '../schemas/topics.ts';
import { parseSkip } from './batches/skip.ts';
import { createFormerGroups, createGroups } from './groups.ts';

/** Characters that Kafka allows in the name of a topic. */
const topicPrefix = z
  .string()
  .regex(/^[a-zA-Z0-9._-]*$/, 'expected only letters, digits, ".", "_" and "-", such as "staging."')
  .max(maxPrefixLength, `expected at most ${maxPrefixLength} characters`);

const settings = {
  brokers: setting({
    name: 'KAFKA_BROKERS',
    kind: list,
    form: '`host:port`, comma-separated',
    meaning: 'Brokers of your cluster. List several, because one may be down at the start.',
    defaultNote: 'the broker of `tmdb-stream up`, or a local broker that the command starts',
  }),
  ssl: setting({ name: 'KAFKA_SSL', kind: flag, default: 'false', meaning: 'Whether connections to Kafka use TLS.' }),
  mechanism: setting({
    name: 'KAFKA_SASL_MECHANISM',
    kind: choice('plain', 'scram-sha-256', 'scram-sha-512'),
    default: 'scram-sha-512',
    meaning: 'How KAFKA_USERNAME and KAFKA_PASSWORD log in.',
  }),
  username: setting({ name: 'KAFKA_USERNAME', kind: text, meaning: 'The SASL user. It needs KAFKA_PASSWORD.' }),
  password: setting({ name: 'KAFKA_PASSWORD', kind: secret, meaning: 'The SASL password.' }),
  topicPrefix: setting({
    name: 'KAFKA_TOPIC_PREFIX',
    kind: { schema: topicPrefix, form: 'letters, digits, `.`, `_` and `-`, such as `staging.`' },
    default: '',
    meaning:
      'A prefix for the names of topics and consumer groups, for several deployments on one cluster. A change leaves unfinished work ' +
      'in the old topics.',
    see: 'docs/services.md#several-deployments-on-one-cluster',
  }),
  sessionTimeoutMs: setting({
    name: 'KAFKA_SESSION_TIMEOUT',
    kind: durationFrom('1s'),
    default: '6s',
    meaning: 'If no heartbeat arrives within this time, Kafka reassigns the partitions.',
  }),
  partitions: setting({
    name: 'KAFKA_PARTITIONS',
    kind: count,
    default: '4',
    meaning:
      'Partitions of new topics. Each start compares existing topics with this and the next two settings; `topics --apply` corrects differences.',
  }),
  replicationFactor: setting({
    name: 'KAFKA_REPLICATION',
    kind: count,
    default: '1',
    meaning: 'Replicas of each partition of new topics.',
  }),
  rawRetentionMs: setting({
    name: 'KAFKA_RAW_RETENTION',
    kind: duration,
    default: '150d',
    meaning:
      'How long Kafka keeps raw answers and dead letters. It must be at least seven days shorter than TMDB_RETENTION. An answer can be ' +
      'parked with its document, and sent back, while its age is below that difference minus one day (29 days by default).',
  }),
  skips: setting({
    name: 'KAFKA_SKIP_OFFSETS',
    kind: listOf(parseSkip, '`TOPIC/PARTITION/OFFSET` or `TOPIC/PARTITION/FIRST-LAST`'),
    default: '',
    meaning: 'Offsets to park without processing. Name the topics with KAFKA_TOPIC_PREFIX.',
    see: 'docs/runbook.md#a-record-that-stops-a-consumer',
  }),
};

const schema = objectOf(settings)
  .superRefine(({ topicPrefix, skips }, context) => {
    const ours = allTopics(createTopics(topicPrefix)).map(({ name }) => name);
    for (const topic of new Set(skips.map((skip) => skip.topic))) {
      if (ours.includes(topic)) continue;
      const message = `this deployment has no topic ${topic}: expected one of ${ours.join(', ')}`;
      context.addIssue({ code: 'custom', path: ['skips'], message });
    }
  })
  .superRefine(({ username, password }, context) => {
    if (Boolean(username) === Boolean(password)) return;
    const message = 'set KAFKA_USERNAME and KAFKA_PASSWORD, or neither';
    context.addIssue({ code: 'custom', path: ['username'], message });
  })
  .transform(({ topicPrefix, mechanism, username, password, ...others }) => ({
    ...others,
    topics: createTopics(topicPrefix),
    groups: createGroups(topicPrefix),
    formerGroups: createFormerGroups(topicPrefix),
    sasl: username && password ? { mechanism, username, password } : undefined,
  }));

export type KafkaSettings = Readonly<z.infer<typeof schema>>;

export const kafkaGroup = { title: 'Kafka', prefixes: ['KAFKA_'], settings, schema } satisfies SettingsGroup;
