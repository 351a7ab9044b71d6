import { lstatSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { SchemaRegistrySettings } from '../kafka/schema-registry/settings.ts';
import type { KafkaSettings } from '../kafka/settings.ts';
import { dayMs } from '../runtime/days.ts';
import { UsageError } from '../runtime/errors.ts';
import { pathMistake } from '../runtime/path-settings.ts';
import type { ProxySettings } from '../runtime/proxy.ts';
import { scrub } from '../runtime/scrub.ts';
import type { Secret } from '../runtime/secret.ts';
import type { SandboxSettings } from '../sandbox/settings.ts';
import type { TmdbSettings } from '../tmdb/settings.ts';
import { type ChosenWarehouse, chooseWarehouse, mistakesOf } from '../warehouse/registry.ts';
import type { LoadSettings } from '../warehouse/settings.ts';
import { type SnowflakeNames, snowflakeNames } from '../warehouse/snowflake/settings.ts';
import { childEnvironment } from './child-environment.ts';
import { cleartextMistakes } from './cleartext-check.ts';
import {
  namesInEitherCase,
  parseGroups,
  rawSecretsIn,
  secretNames,
  secretsIn,
  type Texts,
  type Values,
  withSecretFiles,
} from './settings.ts';
import { unknownSettings } from './unknown-settings.ts';

/**
 * Where the movies come from. Each origin has its own data folder, so that invented movies, recorded ones and
 * TMDb's never meet in one table.
 */
type Origin = 'tmdb' | 'recorded' | 'generated';

/** Settings of every part, checked and complete. */
export interface Config {
  readonly origin: Origin;
  readonly dataDir: string;
  readonly tmdb: TmdbSettings;
  readonly kafka: KafkaSettings;
  /** null: records are written in Avro's single-object encoding. */
  readonly schemaRegistry: SchemaRegistrySettings;
  /** How TMDb and Snowflake are reached. */
  readonly proxy: ProxySettings;
  /** The bucket that a fleet shares. If absent, this process has a bucket of its own. */
  readonly tokenBucketUrl: Secret | undefined;
  readonly warehouse: ChosenWarehouse;
  /** The objects that `warehouse provision` creates in a Snowflake account, whichever warehouse is chosen. */
  readonly snowflakeNames: SnowflakeNames;
  readonly load: LoadSettings;
  /** When dbt runs: a cron pattern in UTC. */
  readonly transformSchedule: string;
  readonly transformFullRefresh: 'auto' | 'defer' | 'refuse';
  readonly transformDrift: 'observe' | 'warn' | 'fail';
  readonly dashboard: Values['dashboard'];
  readonly httpListen: Values['process']['httpListen'];
  readonly drainTimeoutMs: number;
  readonly sandbox: SandboxSettings;
  readonly logLevel: Values['process']['logLevel'];
  /** The environment of the processes that we start. It has no secret. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Everything that must not appear in any output. */
  readonly secrets: readonly Secret[];
}

/**
 * The settings of all parts from the environment. An empty variable counts as not set.
 * @throws UsageError that names every mistake at once, and quotes no secret.
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  for (const name of namesInEitherCase) given[name] = given[name.toLowerCase()] ?? given[name];
  const { texts, mistakes: ofFiles } = withSecretFiles(given);
  const { values, mistakes: ofGroups } = parseGroups(texts);
  const mistakes = [...unknownSettings(given), ...ofFiles, ...ofGroups, ...crossMistakes(values)];
  if (mistakes.length > 0) throw new UsageError(scrub(listed(mistakes), [environment, texts].flatMap(rawSecretsIn)));
  return Object.freeze(compose(values as Values, texts, environment));
}

const listed = (mistakes: readonly string[]): string => {
  const lines = mistakes.length === 1 ? ` ${mistakes[0]}` : mistakes.map((mistake) => `\n  ${mistake}`).join('');
  return `the environment has ${mistakes.length} mistake(s):${lines}`;
};

/** The minimum difference between the two retentions: one day for Kafka's segments, the rest for records that are written again. */
const leastMarginMs = 7 * dayMs;

/** Mistakes that concern several groups. A check needs groups that have no mistake of their own. */
function* crossMistakes(values: Partial<Values>) {
  const { tmdb, kafka, schemaRegistry, tokenBucket, network, warehouse } = values;
  if (network) {
    const proxies = { HTTPS_PROXY: network.https, HTTP_PROXY: network.http };
    const carriers = {
      tmdb,
      kafka,
      schemaRegistry,
      tokenBucketUrl: tokenBucket?.url,
      proxies,
      allowed: network.cleartextHosts,
    };
    for (const [name, message] of cleartextMistakes(carriers)) yield `${name}: ${message}`;
  }
  if (tmdb && kafka && kafka.rawRetentionMs + leastMarginMs > tmdb.retentionMs) {
    yield 'KAFKA_RAW_RETENTION: must be at least seven days shorter than TMDB_RETENTION, because Kafka keeps dead letters as long as new records';
  }
  const ofWarehouse = warehouse && values[warehouse.kind];
  if (ofWarehouse) yield* mistakesOf(warehouse.kind, ofWarehouse);
}

function compose(values: Values, texts: Texts, environment: NodeJS.ProcessEnv): Config {
  const { tmdb, kafka, schemaRegistry, sandbox, schedule, dashboard, process } = values;
  const origin = originOf(values);
  const dataDir = resolve(values.dataDir.dataDir ?? join('data', origin));
  const proxy = proxyOf(values);
  const { kind, load } = values.warehouse;
  return {
    ...{ origin, dataDir, tmdb, kafka, schemaRegistry, sandbox, dashboard, proxy, load },
    tokenBucketUrl: values.tokenBucket.url,
    warehouse: chooseWarehouse(kind, values[kind], { dataDir, proxy }),
    snowflakeNames: snowflakeNames(values.snowflake),
    transformSchedule: schedule.transformSchedule,
    transformFullRefresh: schedule.transformFullRefresh,
    transformDrift: schedule.transformDrift,
    httpListen: process.httpListen,
    drainTimeoutMs: process.drainTimeoutMs,
    logLevel: process.logLevel,
    childEnvironment: childEnvironment(environment, dataDir),
    secrets: secretsIn(texts),
  };
}

function originOf({ tmdb, sandbox }: Values): Origin {
  if (tmdb.token || tmdb.apiKey) return 'tmdb';
  return sandbox.catalogueFile ? 'recorded' : 'generated';
}

const proxyOf = ({ network: { https, http, noProxy } }: Values): ProxySettings => ({ https, http, noProxy });

/** Removes the secrets from an environment once they are read, so that libraries and child processes cannot find them there. */
export function dropSecrets(environment: NodeJS.ProcessEnv): void {
  for (const name of [...secretNames, ...namesInEitherCase.map((name) => name.toLowerCase())]) delete environment[name];
}

/**
 * The environment, and below it the variables of the `.env` file of the project: a variable of the environment wins. The `.env` of the
 * working directory is not read. It may be anyone's, and could send the token to another host. @throws UsageError if `.env` is not a file.
 */
export function readEnvironment(dotEnvFile = join(import.meta.dirname, '..', '.env')): NodeJS.ProcessEnv {
  if (!lstatSync(dotEnvFile, { throwIfNoEntry: false })) return process.env;
  const mistake = pathMistake('file to read', dotEnvFile);
  if (mistake !== null) throw new UsageError(mistake);
  process.loadEnvFile(dotEnvFile);
  return process.env;
}
