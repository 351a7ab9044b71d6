import { z } from 'zod';
import { secretsOfPem } from '../runtime/secret.ts';
import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import {
  choice,
  count,
  duration,
  durationFrom,
  exactHttpUrl,
  flag,
  list,
  listOf,
  secret,
  text,
} from '../runtime/setting-kinds.ts';
import { allTopics, createTopics, maxPrefixLength } from '../schemas/topics.ts';
import { parseSkip } from './batches/skip.ts';
import { createFormerGroups, createGroups } from './groups.ts';
import { certificateOf, loginMistakes, loginOf } from './login.ts';

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
    kind: choice('plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'),
    default: 'scram-sha-512',
    meaning:
      'The SASL mechanism. `oauthbearer` logs in with a token and requires the KAFKA_OAUTH_... settings; the others use KAFKA_USERNAME and KAFKA_PASSWORD.',
  }),
  username: setting({ name: 'KAFKA_USERNAME', kind: text, meaning: 'The SASL user. It needs KAFKA_PASSWORD.' }),
  password: setting({ name: 'KAFKA_PASSWORD', kind: secret, meaning: 'The SASL password.' }),
  tokenUrl: setting({
    name: 'KAFKA_OAUTH_TOKEN_URL',
    kind: {
      schema: exactHttpUrl('https://login.example.com/oauth2/token'),
      form: 'URL such as `https://login.example.com/oauth2/token`',
    },
    meaning:
      'The token endpoint for `oauthbearer`. It is reached through HTTPS_PROXY, as TMDb is; brokers are reached directly.',
  }),
  clientId: setting({
    name: 'KAFKA_OAUTH_CLIENT_ID',
    kind: text,
    meaning: 'The client id at the token endpoint. Tokens are requested with the grant `client_credentials`.',
  }),
  clientSecret: setting({ name: 'KAFKA_OAUTH_CLIENT_SECRET', kind: secret, meaning: 'The secret of that client.' }),
  scope: setting({
    name: 'KAFKA_OAUTH_SCOPE',
    kind: text,
    meaning: 'The scope of the tokens, if the endpoint wants one.',
  }),
  // Not secret, but given as the key is: as a text, or with `_FILE`.
  clientCert: setting({
    name: 'KAFKA_CLIENT_CERT',
    kind: secret,
    form: 'PEM',
    meaning:
      'The certificate of this client, for brokers that identify clients by certificates (mTLS). It needs KAFKA_CLIENT_KEY and KAFKA_SSL=true.',
  }),
  clientKey: setting({
    name: 'KAFKA_CLIENT_KEY',
    kind: { ...secret, secretsOf: secretsOfPem },
    form: 'PEM',
    meaning: 'The private key of that certificate, without a passphrase.',
  }),
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
  .superRefine((given, context) => {
    for (const [property, message] of loginMistakes(given))
      context.addIssue({ code: 'custom', path: [property], message });
  })
  .transform(
    ({ topicPrefix, mechanism, username, password, tokenUrl, clientId, clientSecret, scope, ...others }, context) => {
      const { clientCert, clientKey, ...rest } = others;
      return {
        ...rest,
        topics: createTopics(topicPrefix),
        groups: createGroups(topicPrefix),
        formerGroups: createFormerGroups(topicPrefix),
        sasl: loginOf({ mechanism, username, password, tokenUrl, clientId, clientSecret, scope }),
        clientCertificate: certificateOf(clientCert, clientKey, (property, message) =>
          context.addIssue({ code: 'custom', path: [property], message }),
        ),
      };
    },
  );

export type KafkaSettings = Readonly<z.infer<typeof schema>>;

export const kafkaGroup = { title: 'Kafka', prefixes: ['KAFKA_'], settings, schema } satisfies SettingsGroup;
