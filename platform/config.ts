import { lstatSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Skip } from '../kafka/batches/skip.ts';
import { type ConsumerGroups, createGroups } from '../kafka/groups.ts';
import { topicPrefix } from '../kafka/topic-prefix.ts';
import { cleartextMistakes } from '../runtime/cleartext.ts';
import {
  bucketUrl,
  bytes,
  count,
  duration,
  flag,
  headerSecret,
  type ListenAddress,
  list,
  parsedBy,
  parseListen,
  parseSchedule,
  proxyUrl,
  secret,
  tmdbUrl,
} from '../runtime/config-fields.ts';
import { messageOf, UsageError } from '../runtime/errors.ts';
import { type PathKind, pathMistake, pathSettings, readSmallFile } from '../runtime/path-settings.ts';
import type { ProxySettings } from '../runtime/proxy.ts';
import { scrub } from '../runtime/scrub.ts';
import { Secret, secretsOfUrl } from '../runtime/secret.ts';
import { parseDuration, parseRate } from '../runtime/units.ts';
import { createTopics, type Topics } from '../schemas/topics.ts';
import type { RateLimit } from '../tmdb/token-bucket/token-bucket.ts';
import type { SnowflakeSettings } from '../warehouse/snowflake/session.ts';
import {
  type SnowflakeNames,
  secretsOfSnowflake,
  snowflakeFields,
  snowflakeMistakes,
  snowflakeNames,
  snowflakeOf,
  snowflakeSecrets,
} from '../warehouse/snowflake/settings.ts';
import { skips } from './skips-field.ts';

const pathFields = Object.fromEntries(
  Object.keys(pathSettings).map((name) => [name, z.string().min(1).optional()]),
) as Record<keyof typeof pathSettings, z.ZodOptional<z.ZodString>>;

/** Everything that can be set; the README's table follows this order. */
const Environment = z
  .object({
    TMDB_TOKEN: headerSecret,
    TMDB_API_KEY: headerSecret,
    TMDB_BASE_URL: tmdbUrl.optional(),
    TMDB_RATE_LIMIT: parsedBy(parseRate, '40/10s').prefault('40/10s'),
    TMDB_REFRESH_AFTER: duration('24h'),
    TMDB_TIMEOUT: duration('10s'),
    TMDB_CONCURRENCY: z.coerce.number().int().min(1).max(20).default(20),
    TMDB_MAX_BODY: bytes('4MB'),
    TMDB_GIVE_UP_AFTER: duration('10m'),
    TOKEN_BUCKET_URL: bucketUrl,
    KAFKA_BROKERS: list.optional(),
    KAFKA_SSL: flag,
    KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).default('scram-sha-512'),
    KAFKA_USERNAME: z.string().min(1).optional(),
    KAFKA_PASSWORD: secret,
    KAFKA_TOPIC_PREFIX: topicPrefix,
    KAFKA_SESSION_TIMEOUT: duration('6s').refine((ms) => ms >= 1_000, 'expected 1s or more'),
    KAFKA_PARTITIONS: count(4),
    KAFKA_REPLICATION: count(1),
    KAFKA_RAW_RETENTION: duration('180d'),
    KAFKA_SKIP_OFFSETS: skips,
    WAREHOUSE: z.enum(['duckdb', 'snowflake']).default('duckdb'),
    DUCKDB_LOCK_WAIT: duration('2m'),
    ...snowflakeFields,
    LOAD_MAX_ROWS: count(20_000),
    LOAD_MAX_BYTES: bytes('64MB'),
    LOAD_MAX_AGE: parsedBy(parseDuration, '1s or 1m').optional(),
    TRANSFORM_SCHEDULE: parsedBy(parseSchedule, '*/5 * * * * (a cron pattern, in UTC)').prefault('*/5 * * * *'),
    HTTP_LISTEN: parsedBy(parseListen, '127.0.0.1:9464').optional(),
    DRAIN_TIMEOUT: duration('25s'),
    ALLOW_CLEARTEXT_TO: list.default([]),
    HTTPS_PROXY: proxyUrl,
    HTTP_PROXY: proxyUrl,
    NO_PROXY: z
      .string()
      .transform((text) => text.split(/[\s,]+/).filter(Boolean))
      .prefault(''),
    ...pathFields,
    SANDBOX_MOVIES: count(10_000),
    SANDBOX_SEED: z.coerce.number().int().default(1),
    LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).optional(),
  })
  .superRefine((env, context) => {
    const mistake = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (env.TMDB_BASE_URL && !env.TMDB_TOKEN && !env.TMDB_API_KEY) {
      mistake('TMDB_TOKEN', 'needed with TMDB_BASE_URL (a sandbox of yours takes any value)');
    }
    for (const [name, text] of cleartextMistakes(env)) mistake(name, text);
    if (env.WAREHOUSE === 'snowflake') for (const [name, text] of snowflakeMistakes(env)) mistake(name, text);
    for (const [name, kind] of Object.entries(pathSettings) as [keyof typeof pathSettings, PathKind][]) {
      const path = env[name];
      const text = path === undefined ? null : pathMistake(kind, path);
      if (text !== null) mistake(name, text);
    }
    if (Boolean(env.KAFKA_USERNAME) !== Boolean(env.KAFKA_PASSWORD)) {
      mistake('KAFKA_USERNAME', 'KAFKA_USERNAME and KAFKA_PASSWORD go together');
    }
  });

type Env = z.infer<typeof Environment>;

/** Each flush keeps Snowflake's virtual warehouse awake, and that is what is paid for: see docs/cost.md. */
const standardLoadAgeMs = { duckdb: 1_000, snowflake: 60_000 };

/**
 * Where the movies come from. Each origin has its own data folder, so that invented movies, recorded ones and
 * TMDb's never meet in one table.
 */
type Origin = 'tmdb' | 'recorded' | 'generated';

/** Settings of every part, checked and complete. */
export interface Config {
  readonly origin: Origin;
  readonly dataDir: string;
  readonly tmdb: {
    readonly baseUrl: string;
    readonly token: Secret | undefined;
    readonly apiKey: Secret | undefined;
    readonly rateLimit: RateLimit;
    readonly refreshAfterMs: number;
    readonly timeoutMs: number;
    /** Requests in flight at once, 1-20 (TMDb allows 20 connections an address). */
    readonly concurrency: number;
    readonly maxBodyBytes: number;
    /** How long TMDb may be out of reach before the stage fails, with nothing parked. */
    readonly giveUpAfterMs: number;
  };
  readonly kafka: {
    /** Absent: a broker of our own is started. */
    readonly brokers: readonly string[] | undefined;
    readonly ssl: boolean;
    readonly sasl:
      | { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: Secret }
      | undefined;
    /** Their names begin with KAFKA_TOPIC_PREFIX. */
    readonly topics: Topics;
    readonly groups: ConsumerGroups;
    /** After so long without a sign of life a member's partitions go to others. */
    readonly sessionTimeoutMs: number;
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly rawRetentionMs: number;
    /** Offsets that a person wants parked unseen. */
    readonly skips: readonly Skip[];
  };
  /** How TMDb and Snowflake are reached. */
  readonly proxy: ProxySettings;
  /** The bucket that a fleet shares; absent: one of this process alone. */
  readonly tokenBucketUrl: Secret | undefined;
  readonly warehouse: {
    /** Absent: DuckDB is the warehouse. */
    readonly snowflake: SnowflakeSettings | undefined;
    /** What is to be made in a Snowflake account, whatever the warehouse is. */
    readonly names: SnowflakeNames;
    readonly duckdbPath: string;
    /** A copy of GOLD for readers, swapped in whole after each run of dbt. */
    readonly goldPath: string;
    readonly lockWaitMs: number;
  };
  /** When dbt runs: a cron pattern, seconds allowed, in UTC. */
  readonly transformSchedule: string;
  /** Where services answer about their health; absent: nowhere. */
  readonly httpListen: ListenAddress | undefined;
  /** How long a service may take to finish what is in hand. */
  readonly drainTimeoutMs: number;
  readonly load: { readonly maxRows: number; readonly maxBytes: number; readonly maxAgeMs: number };
  readonly sandbox: { readonly catalogueFile: string | undefined; readonly movies: number; readonly seed: number };
  readonly logLevel: Env['LOG_LEVEL'];
  /** What the processes we start are given of our environment; no secret among it. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Everything that must not appear in any output. */
  readonly secrets: readonly Secret[];
}

/** What may also be given as `NAME_FILE`, a file with the value in it: what containers' secrets are. */
export const secretNames = [
  'TMDB_TOKEN',
  'TMDB_API_KEY',
  'KAFKA_PASSWORD',
  'TOKEN_BUCKET_URL',
  'HTTPS_PROXY',
  'HTTP_PROXY',
  ...snowflakeSecrets,
] as const;

/** Other programs set these in lower case as well, and then mean the lower case. */
const inEitherCase = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'];

/**
 * The only reader of the environment. An empty variable counts as not set.
 * @throws UsageError that names every mistake at once.
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  for (const name of inEitherCase) given[name] = given[name.toLowerCase()] ?? given[name];
  const { set, mistakes } = withSecretFiles(given);
  const parsed = Environment.safeParse(set);
  if (!parsed.success) {
    mistakes.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  }
  if (!parsed.success || mistakes.length > 0) {
    const secrets = secretNames.flatMap((name) => (set[name] === undefined ? [] : [new Secret(set[name])]));
    const text = mistakes.length === 1 ? ` ${mistakes[0]}` : mistakes.map((mistake) => `\n  ${mistake}`).join('');
    throw new UsageError(scrub(`the environment has ${mistakes.length} mistake(s):${text}`, secrets));
  }
  const settings = fromEnvironment(parsed.data);
  return Object.freeze({ ...settings, childEnvironment: childEnvironment(environment, settings.dataDir) });
}

/** Reads the secrets that were given as files; the value itself and a file of it exclude each other. */
function withSecretFiles(given: Record<string, string | undefined>) {
  const set = { ...given };
  const mistakes: string[] = [];
  for (const name of secretNames) {
    const file = given[`${name}_FILE`];
    if (file === undefined) continue;
    if (given[name] !== undefined) mistakes.push(`${name}: give ${name} or ${name}_FILE, not both`);
    try {
      // An empty file is a secret that was not given: a container has the file whether or not there is a value.
      set[name] = readSmallFile(file).trim() || undefined;
    } catch (error) {
      mistakes.push(`${name}_FILE: ${messageOf(error)}`);
    }
  }
  return { set, mistakes };
}

/** Removes the secrets from an environment once they are read, so that libraries and child processes cannot find them there. */
export function dropSecrets(environment: NodeJS.ProcessEnv): void {
  for (const name of [...secretNames, ...inEitherCase.map((name) => name.toLowerCase())]) delete environment[name];
}

/**
 * The environment with the variables of our own `.env` beneath it: what is really set wins. The `.env` of the folder that we are called
 * from is not read: it may be anybody's, and could send the token elsewhere. @throws UsageError for a `.env` that is no file.
 */
export function readEnvironment(dotEnvFile = join(import.meta.dirname, '..', '.env')): NodeJS.ProcessEnv {
  if (!lstatSync(dotEnvFile, { throwIfNoEntry: false })) return process.env;
  const mistake = pathMistake('file to read', dotEnvFile);
  if (mistake !== null) throw new UsageError(mistake);
  process.loadEnvFile(dotEnvFile);
  return process.env;
}

function fromEnvironment(env: Env): Omit<Config, 'childEnvironment'> {
  const origin = originOf(env);
  const dataDir = resolve(env.DATA_DIR ?? join('data', origin));
  return {
    origin,
    dataDir,
    tmdb: {
      baseUrl: env.TMDB_BASE_URL ?? 'https://api.themoviedb.org/3',
      token: env.TMDB_TOKEN,
      apiKey: env.TMDB_API_KEY,
      rateLimit: env.TMDB_RATE_LIMIT,
      refreshAfterMs: env.TMDB_REFRESH_AFTER,
      timeoutMs: env.TMDB_TIMEOUT,
      concurrency: env.TMDB_CONCURRENCY,
      maxBodyBytes: env.TMDB_MAX_BODY,
      giveUpAfterMs: env.TMDB_GIVE_UP_AFTER,
    },
    kafka: kafkaOf(env),
    proxy: proxyOf(env),
    tokenBucketUrl: env.TOKEN_BUCKET_URL,
    warehouse: warehouseOf(env, dataDir),
    transformSchedule: env.TRANSFORM_SCHEDULE,
    httpListen: env.HTTP_LISTEN,
    drainTimeoutMs: env.DRAIN_TIMEOUT,
    load: {
      maxRows: env.LOAD_MAX_ROWS,
      maxBytes: env.LOAD_MAX_BYTES,
      maxAgeMs: env.LOAD_MAX_AGE ?? standardLoadAgeMs[env.WAREHOUSE],
    },
    sandbox: { catalogueFile: env.SANDBOX_CATALOGUE, movies: env.SANDBOX_MOVIES, seed: env.SANDBOX_SEED },
    logLevel: env.LOG_LEVEL,
    secrets: [
      ...[env.TMDB_TOKEN, env.TMDB_API_KEY, env.KAFKA_PASSWORD].filter((value) => value !== undefined),
      ...[env.TOKEN_BUCKET_URL, env.HTTPS_PROXY, env.HTTP_PROXY].flatMap((url) => (url ? secretsOfUrl(url) : [])),
      ...secretsOfSnowflake(env),
    ],
  };
}

function warehouseOf(env: Env, dataDir: string): Config['warehouse'] {
  const duckdbPath = resolve(env.DUCKDB_PATH ?? join(dataDir, 'tmdb.duckdb'));
  const goldPath = resolve(env.DUCKDB_GOLD_PATH ?? join(dirname(duckdbPath), 'tmdb-gold.duckdb'));
  const snowflake = env.WAREHOUSE === 'snowflake' ? { ...snowflakeOf(env), proxy: proxyOf(env) } : undefined;
  return { snowflake, names: snowflakeNames(env), duckdbPath, goldPath, lockWaitMs: env.DUCKDB_LOCK_WAIT };
}

/**
 * The environment of dbt and the broker. From our own environment it has only the paths of programs. HOME, locale and time zone are the
 * same everywhere, so that neither a read-only HOME nor a Turkish locale changes the results.
 */
const childEnvironment = (environment: NodeJS.ProcessEnv, dataDir: string): Record<string, string> => {
  const { PATH, JAVA_HOME, TMPDIR } = environment;
  return {
    ...(PATH !== undefined && { PATH }),
    ...(JAVA_HOME !== undefined && { JAVA_HOME }),
    ...(TMPDIR !== undefined && { TMPDIR }),
    ...{ HOME: dataDir, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    ...{ PYTHONUTF8: '1', PYTHONNOUSERSITE: '1', DBT_SEND_ANONYMOUS_USAGE_STATS: 'false' },
  };
};

function originOf(env: Env): Origin {
  if (env.TMDB_TOKEN || env.TMDB_API_KEY) return 'tmdb';
  return env.SANDBOX_CATALOGUE ? 'recorded' : 'generated';
}

const proxyOf = ({ HTTPS_PROXY: https, HTTP_PROXY: http, NO_PROXY: noProxy }: Env): ProxySettings => ({
  ...{ https, http, noProxy },
});

function kafkaOf(env: Env): Config['kafka'] {
  const { KAFKA_USERNAME: username, KAFKA_PASSWORD: password, KAFKA_SASL_MECHANISM: mechanism } = env;
  return {
    brokers: env.KAFKA_BROKERS,
    ssl: env.KAFKA_SSL,
    sasl: username && password ? { mechanism, username, password } : undefined,
    topics: createTopics(env.KAFKA_TOPIC_PREFIX),
    groups: createGroups(env.KAFKA_TOPIC_PREFIX),
    sessionTimeoutMs: env.KAFKA_SESSION_TIMEOUT,
    partitions: env.KAFKA_PARTITIONS,
    replicationFactor: env.KAFKA_REPLICATION,
    rawRetentionMs: env.KAFKA_RAW_RETENTION,
    skips: env.KAFKA_SKIP_OFFSETS,
  };
}
