import type { SettingsGroup } from '../runtime/setting.ts';
import { allSettings, groups, secretNames, type Texts } from './settings.ts';

/** Variables of another program, which begin with a prefix of ours. `*` stands for one or more characters. */
interface ForeignVariables {
  readonly program: string;
  readonly names: readonly string[];
  /** With WAREHOUSE=snowflake they are mistakes: a user would expect them to choose the connection. */
  readonly isRefusedOnSnowflake?: true;
}

/** Variables that are ignored. docs/configuration.md lists them. */
export const foreignVariables: readonly ForeignVariables[] = [
  {
    program: "Kafka's scripts and images",
    names: [
      ...['KAFKA_HOME', 'KAFKA_VERSION', 'KAFKA_CLUSTER_ID', 'KAFKA_DEBUG', 'KAFKA_OPTS', 'KAFKA_*_OPTS'],
      ...['KAFKA_JMX_*', 'KAFKA_LOG4J_*', 'KAFKA_CFG_*'],
    ],
  },
  {
    program: 'a Kafka broker whose properties are variables',
    names: [
      ...['KAFKA_PROCESS_ROLES', 'KAFKA_NODE_ID', 'KAFKA_BROKER_ID', 'KAFKA_BROKER_RACK', 'KAFKA_LISTENERS'],
      ...['KAFKA_LISTENER_*', 'KAFKA_ADVERTISED_*', 'KAFKA_CONTROLLER_*', 'KAFKA_INTER_BROKER_*', 'KAFKA_LOG_*'],
      ...[
        'KAFKA_OFFSETS_*',
        'KAFKA_TRANSACTION_*',
        'KAFKA_SHARE_*',
        'KAFKA_GROUP_COORDINATOR_*',
        'KAFKA_GROUP_INITIAL_*',
      ],
      ...[
        'KAFKA_GROUP_MIN_*',
        'KAFKA_GROUP_MAX_*',
        'KAFKA_NUM_*',
        'KAFKA_DEFAULT_*',
        'KAFKA_AUTO_*',
        'KAFKA_MIN_INSYNC_*',
      ],
      ...['KAFKA_MESSAGE_MAX_*', 'KAFKA_METADATA_*', 'KAFKA_ZOOKEEPER_*', 'KAFKA_DELETE_*', 'KAFKA_CONFLUENT_*'],
      ...['KAFKA_SECURITY_*', 'KAFKA_SASL_ENABLED_*', 'KAFKA_SASL_MECHANISM_*', 'KAFKA_SSL_KEY*', 'KAFKA_SSL_TRUST*'],
      'KAFKA_SSL_CLIENT_*',
    ],
  },
  {
    program: "Snowflake's command line and connectors",
    names: [
      'SNOWFLAKE_HOME',
      'SNOWFLAKE_CONNECTIONS_*',
      'SNOWFLAKE_DEFAULT_CONNECTION_NAME',
      'SNOWFLAKE_CLI_*',
      'SNOWFLAKE_WIF_*',
    ],
  },
  {
    program: "a connection of Snowflake's command line",
    names: [
      ...[
        'SNOWFLAKE_SCHEMA',
        'SNOWFLAKE_WAREHOUSE',
        'SNOWFLAKE_AUTHENTICATOR',
        'SNOWFLAKE_REGION',
        'SNOWFLAKE_OAUTH_*',
      ],
      ...[
        'SNOWFLAKE_PRIVATE_KEY_PATH',
        'SNOWFLAKE_PRIVATE_KEY_RAW',
        'SNOWFLAKE_TOKEN_FILE_PATH',
        'SNOWFLAKE_SESSION_TOKEN',
      ],
      'SNOWFLAKE_MASTER_TOKEN',
    ],
    isRefusedOnSnowflake: true,
  },
  {
    program: 'the dbt project, if you run dbt by hand',
    names: ['DUCKDB_MEMORY_LIMIT', 'SNOWFLAKE_HOST', 'SNOWFLAKE_PORT', 'SNOWFLAKE_PROTOCOL'],
  },
  {
    program: '`deploy/snowflake.yml`',
    names: ['LOADER', 'DBT', 'DASHBOARD'].flatMap((user) => [`SNOWFLAKE_${user}_USER`, `SNOWFLAKE_${user}_KEY_FILE`]),
  },
  { program: 'the tests of this project', names: ['SNOWFLAKE_TEST'] },
  {
    program: 'Kubernetes, for a service that is called `kafka` or `sandbox`',
    names: ['*_SERVICE_HOST', '*_SERVICE_PORT', '*_SERVICE_PORT_*', '*_PORT', '*_PORT_*_TCP', '*_PORT_*_TCP_*'],
  },
];

/** Beginnings of the names of settings. */
export const prefixes: readonly string[] = Object.values<SettingsGroup>(groups).flatMap((group) => group.prefixes);

const known: ReadonlySet<string> = new Set([
  ...allSettings.map(({ name }) => name),
  ...secretNames.map((name) => `${name}_FILE`),
]);

const matches = (name: string, pattern: string): boolean =>
  new RegExp(`^${pattern.replaceAll('*', '\\w+')}$`).test(name);

function isForeign(name: string, isSnowflake: boolean): boolean {
  const ignored = foreignVariables.filter(({ isRefusedOnSnowflake }) => !(isSnowflake && isRefusedOnSnowflake));
  return ignored.some(({ names }) => names.some((pattern) => matches(name, pattern)));
}

/** Whether a name looks like a setting but is neither a setting nor a variable of another program. */
export const isUnknown = (name: string, isSnowflake = false): boolean =>
  prefixes.some((prefix) => name.startsWith(prefix)) && !known.has(name) && !isForeign(name, isSnowflake);

/** A line for each variable that is probably a misspelled setting. It never quotes a value. */
export const unknownSettings = (texts: Texts): string[] =>
  Object.keys(texts)
    .filter((name) => isUnknown(name, texts['WAREHOUSE'] === 'snowflake'))
    .map((name) => {
      const nearest = nearestSetting(name);
      const hint = nearest === null ? 'docs/configuration.md lists all settings' : `did you mean ${nearest}?`;
      return `${name} is not a setting; ${hint}`;
    });

/** The setting that a misspelled name probably means; null if none is similar. */
function nearestSetting(name: string): string | null {
  const prefix = prefixes.find((beginning) => name.startsWith(beginning)) ?? '';
  const [nearest] = [...known]
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .toSorted((a, b) => a.distance - b.distance);
  const limit = Math.max(2, 0.4 * (name.length - prefix.length));
  if (nearest && nearest.distance <= limit) return nearest.candidate;
  // A word was left out, as in KAFKA_RETENTION.
  const words = name.split('_');
  return [...known].find((candidate) => words.every((word) => candidate.split('_').includes(word))) ?? null;
}

/** The edit distance: how many characters must be inserted, removed or replaced to make the texts equal. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, character] of [...from].entries()) {
    const above = row;
    row = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (above[column] ?? 0) + (character === other ? 0 : 1);
      row.push(Math.min(replaced, (above[column + 1] ?? 0) + 1, (row[column] ?? 0) + 1));
    }
  }
  return row.at(-1) ?? 0;
}
