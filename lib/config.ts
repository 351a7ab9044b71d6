import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from './errors.ts';
import { Secret } from './secret.ts';
import type { RateLimit } from './token-bucket/token-bucket.ts';
import { parseBytes, parseDuration, parseRate } from './units.ts';

/** A text that `parse` understands; `hint` shows what a good one looks like. */
const parsedBy = <T>(parse: (text: string) => T | null, hint: string) =>
  z.string().transform((text, context): T => {
    const value = parse(text);
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message: `expected something like ${hint}, got "${text}"` });
    return z.NEVER;
  });

const duration = (standard: string) => parsedBy(parseDuration, '10s, 15m or 24h').prefault(standard);
const bytes = (standard: string) => parsedBy(parseBytes, '500KB or 64MB').prefault(standard);
const count = (standard: number) => z.coerce.number().int().min(1).default(standard);
const secret = z
  .string()
  .trim()
  .min(1)
  .transform((text) => new Secret(text))
  .optional();
/** What an HTTP header can carry. */
const headerSecret = z
  .string()
  .trim()
  .regex(/^[\x21-\x7e]+$/, 'has characters that no HTTP header takes: copy it again')
  .transform((text) => new Secret(text))
  .optional();
const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

/** It is printed and stored, so it must not carry a secret. */
const isBareUrl = (text: string): boolean => {
  const { username, password, search, hash } = new URL(text);
  return [username, password, search, hash].every((part) => part === '');
};

const httpUrl = z
  .url({ protocol: /^https?$/, error: 'expected a URL such as https://api.themoviedb.org/3', abort: true })
  .refine(isBareUrl, 'the URL must have no user, password, query or fragment: credentials go into TMDB_TOKEN')
  .transform((url) => url.replace(/\/+$/, ''));

/** Everything that can be set; the README's table follows this order. */
const Environment = z
  .object({
    TMDB_TOKEN: headerSecret,
    TMDB_API_KEY: headerSecret,
    TMDB_BASE_URL: httpUrl.optional(),
    TMDB_RATE_LIMIT: parsedBy(parseRate, '40/10s').prefault('40/10s'),
    TMDB_REFRESH_AFTER: duration('24h'),
    TMDB_TIMEOUT: duration('10s'),
    TMDB_CONCURRENCY: z.coerce.number().int().min(1).max(20).default(20),
    TMDB_MAX_BODY: bytes('4MB'),
    TMDB_GIVE_UP_AFTER: duration('10m'),
    KAFKA_BROKERS: list.optional(),
    KAFKA_SSL: flag,
    KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).default('scram-sha-512'),
    KAFKA_USERNAME: z.string().min(1).optional(),
    KAFKA_PASSWORD: secret,
    KAFKA_PARTITIONS: count(4),
    KAFKA_REPLICATION: count(1),
    KAFKA_RAW_RETENTION: duration('180d'),
    WAREHOUSE: z.enum(['duckdb', 'snowflake']).default('duckdb'),
    DUCKDB_PATH: z.string().min(1).optional(),
    DUCKDB_LOCK_WAIT: duration('2m'),
    LOAD_MAX_ROWS: count(20_000),
    LOAD_MAX_BYTES: bytes('64MB'),
    LOAD_MAX_AGE: duration('1s'),
    DATA_DIR: z.string().min(1).optional(),
    SANDBOX_CATALOGUE: z.string().min(1).optional(),
    SANDBOX_MOVIES: count(10_000),
    SANDBOX_SEED: z.coerce.number().int().default(1),
    LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).optional(),
  })
  .superRefine((env, context) => {
    const mistake = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (env.TMDB_BASE_URL && !env.TMDB_TOKEN && !env.TMDB_API_KEY) {
      mistake('TMDB_TOKEN', 'needed with TMDB_BASE_URL (a sandbox of yours takes any value)');
    }
    if (env.WAREHOUSE === 'snowflake') mistake('WAREHOUSE', 'snowflake cannot be used yet: leave it at duckdb');
    if (env.SANDBOX_CATALOGUE && !existsSync(env.SANDBOX_CATALOGUE)) {
      mistake('SANDBOX_CATALOGUE', `there is no file ${resolve(env.SANDBOX_CATALOGUE)}`);
    }
    if (Boolean(env.KAFKA_USERNAME) !== Boolean(env.KAFKA_PASSWORD)) {
      mistake('KAFKA_USERNAME', 'KAFKA_USERNAME and KAFKA_PASSWORD go together');
    }
  });

type Env = z.infer<typeof Environment>;

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
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly rawRetentionMs: number;
  };
  readonly warehouse: { readonly duckdbPath: string; readonly lockWaitMs: number };
  readonly load: { readonly maxRows: number; readonly maxBytes: number; readonly maxAgeMs: number };
  readonly sandbox: { readonly catalogueFile: string | undefined; readonly movies: number; readonly seed: number };
  readonly logLevel: Env['LOG_LEVEL'];
  /** What the processes we start are given of our environment; no secret among it. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Everything that must not appear in any output. */
  readonly secrets: readonly Secret[];
}

/**
 * The only reader of the environment. An empty variable counts as not set.
 * @throws UsageError that names every mistake at once.
 */
export function loadConfig(environment: NodeJS.ProcessEnv): Config {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = Environment.safeParse(set);
  if (!parsed.success) {
    const mistakes = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new UsageError(`the environment has ${mistakes.length} mistake(s):\n${mistakes.join('\n')}`);
  }
  return Object.freeze({ ...fromEnvironment(parsed.data), childEnvironment: inherited(environment) });
}

/** The environment with the variables of `.env` beneath it: what is really set wins. */
export function readEnvironment(dotEnvFile = '.env'): NodeJS.ProcessEnv {
  if (existsSync(dotEnvFile)) process.loadEnvFile(dotEnvFile);
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
    warehouse: {
      duckdbPath: resolve(env.DUCKDB_PATH ?? join(dataDir, 'tmdb.duckdb')),
      lockWaitMs: env.DUCKDB_LOCK_WAIT,
    },
    load: { maxRows: env.LOAD_MAX_ROWS, maxBytes: env.LOAD_MAX_BYTES, maxAgeMs: env.LOAD_MAX_AGE },
    sandbox: { catalogueFile: env.SANDBOX_CATALOGUE, movies: env.SANDBOX_MOVIES, seed: env.SANDBOX_SEED },
    logLevel: env.LOG_LEVEL,
    secrets: [env.TMDB_TOKEN, env.TMDB_API_KEY, env.KAFKA_PASSWORD].filter((value) => value !== undefined),
  };
}

const inherited = (environment: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'JAVA_HOME'].flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

function originOf(env: Env): Origin {
  if (env.TMDB_TOKEN || env.TMDB_API_KEY) return 'tmdb';
  return env.SANDBOX_CATALOGUE ? 'recorded' : 'generated';
}

function kafkaOf(env: Env): Config['kafka'] {
  const { KAFKA_USERNAME: username, KAFKA_PASSWORD: password, KAFKA_SASL_MECHANISM: mechanism } = env;
  return {
    brokers: env.KAFKA_BROKERS,
    ssl: env.KAFKA_SSL,
    sasl: username && password ? { mechanism, username, password } : undefined,
    partitions: env.KAFKA_PARTITIONS,
    replicationFactor: env.KAFKA_REPLICATION,
    rawRetentionMs: env.KAFKA_RAW_RETENTION,
  };
}
