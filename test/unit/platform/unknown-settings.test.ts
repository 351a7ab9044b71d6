import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../platform/config.ts';
import { allSettings, secretNames } from '../../../platform/settings.ts';
import { isUnknown, prefixes } from '../../../platform/unknown-settings.ts';
import { ExitCode, type IngestError } from '../../../runtime/errors.ts';

// cspell:ignore acount paht schedul tmdbtoken tokken

const root = join(import.meta.dirname, '../../..');

const refusal = (environment: Record<string, string>): IngestError | null => {
  try {
    loadConfig(environment);
    return null;
  } catch (error) {
    return error as IngestError;
  }
};

const snowflake = { WAREHOUSE: 'snowflake', SNOWFLAKE_ACCOUNT: 'a', SNOWFLAKE_USER: 'u', SNOWFLAKE_TOKEN: 't' };

describe('a variable that looks like a setting but is not one', () => {
  it.each([
    ['TMDB_RATELIMIT', 'TMDB_RATE_LIMIT'],
    ['TMDB_TOKKEN', 'TMDB_TOKEN'],
    ['TMDB_KEY', 'TMDB_API_KEY'],
    ['TMDB_TOKEN_FILES', 'TMDB_TOKEN_FILE'],
    ['KAFKA_BROKER', 'KAFKA_BROKERS'],
    ['KAFKA_SASL_MECHANISMS', 'KAFKA_SASL_MECHANISM'],
    ['KAFKA_RETENTION', 'KAFKA_RAW_RETENTION'],
    ['DUCKDB_PAHT', 'DUCKDB_PATH'],
    ['SNOWFLAKE_ACOUNT', 'SNOWFLAKE_ACCOUNT'],
    ['LOAD_ROWS', 'LOAD_MAX_ROWS'],
    ['TRANSFORM_SCHEDUL', 'TRANSFORM_SCHEDULE'],
    ['SANDBOX_MOVIE', 'SANDBOX_MOVIES'],
    ['TOKEN_BUCKET_URI', 'TOKEN_BUCKET_URL'],
    ['DRAIN_TIMEOUTS', 'DRAIN_TIMEOUT'],
    ['ALLOW_CLEARTEXT_FOR', 'ALLOW_CLEARTEXT_TO'],
  ])('%s is refused, with the setting that it probably means: %s', (name, meant) => {
    const error = refusal({ [name]: 'canary' });
    expect(error?.exitCode).toBe(ExitCode.usage);
    expect(error?.message).toBe(`the environment has 1 mistake(s): ${name} is not a setting; did you mean ${meant}?`);
  });

  it('is refused without a guess if no setting is similar, and never with its value', () => {
    const error = refusal({ TMDB_PAGES: 'canary', TMDB_RATE_LIMIT: 'fast' });
    expect(error?.message).toContain('TMDB_PAGES is not a setting; docs/configuration.md lists all settings');
    expect(error?.message).toContain('2 mistake(s)');
    expect(error?.message).not.toContain('canary');
  });

  it('counts as not set if it is empty', () => {
    expect(refusal({ TMDB_RATELIMIT: '' })).toBeNull();
  });

  it.each(['RATE_LIMIT', 'TMDBTOKEN', 'MY_TMDB_RATELIMIT', 'PATH', 'LOGLEVEL', 'DATABASE_URL'])(
    '%s has no prefix of ours, and is ignored',
    (name) => {
      expect(refusal({ [name]: 'x' })).toBeNull();
    },
  );
});

describe('a variable of another program', () => {
  it.each([
    ...['KAFKA_OPTS', 'KAFKA_HEAP_OPTS', 'KAFKA_LOG4J_OPTS', 'KAFKA_JMX_PORT', 'KAFKA_HOME', 'KAFKA_CFG_NODE_ID'],
    ...[
      'KAFKA_ADVERTISED_LISTENERS',
      'KAFKA_BROKER_ID',
      'KAFKA_SSL_KEYSTORE_LOCATION',
      'KAFKA_SASL_ENABLED_MECHANISMS',
    ],
    ...['SNOWFLAKE_HOME', 'SNOWFLAKE_CONNECTIONS_MINE_PASSWORD', 'SNOWFLAKE_DEFAULT_CONNECTION_NAME'],
    ...['KAFKA_SERVICE_HOST', 'KAFKA_SERVICE_PORT_CLIENTS', 'KAFKA_PORT', 'KAFKA_PORT_9092_TCP_ADDR', 'SANDBOX_PORT'],
  ])('%s is ignored, whichever warehouse is set', (name) => {
    expect(refusal({ [name]: 'x' })).toBeNull();
    expect(refusal({ ...snowflake, [name]: 'x' })).toBeNull();
  });

  it.each(['SNOWFLAKE_WAREHOUSE', 'SNOWFLAKE_SCHEMA', 'SNOWFLAKE_AUTHENTICATOR', 'SNOWFLAKE_PRIVATE_KEY_PATH'])(
    '%s would not choose the connection, so it is refused on Snowflake only',
    (name) => {
      expect(refusal({ [name]: 'x' })).toBeNull();
      expect(refusal({ ...snowflake, [name]: 'x' })?.message).toContain(`${name} is not a setting`);
    },
  );

  it.each(['docker-compose.yml', 'deploy/snowflake.yml', 'dbt/profiles.yml', 'dbt/dbt_project.yml'])(
    'is ignored, or is a setting, if %s reads it, because a .env file may set it',
    (file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const names = [...text.matchAll(/\$\{(\w+)|env_var\('(\w+)'/g)].map(([, ofCompose, ofDbt]) => ofCompose ?? ofDbt);
      expect(names.length).toBeGreaterThan(0);
      expect(names.filter((name) => name !== undefined && isUnknown(name))).toEqual([]);
    },
  );

  it('is never a setting with one character added, removed, changed or swapped', () => {
    const names = [...allSettings.map(({ name }) => name), ...secretNames.map((name) => `${name}_FILE`)];
    const misspelled = names
      .flatMap((name) =>
        [...name].flatMap((character, index) => [
          name.slice(0, index) + name.slice(index + 1),
          name.slice(0, index) + character + name.slice(index),
          `${name.slice(0, index)}X${name.slice(index + 1)}`,
          name.slice(0, index) + (name[index + 1] ?? '') + character + name.slice(index + 2),
        ]),
      )
      .filter((name) => !names.includes(name) && prefixes.some((prefix) => name.startsWith(prefix)));
    expect(misspelled.length).toBeGreaterThan(1_000);
    expect(misspelled.filter((name) => !isUnknown(name))).toEqual([]);
  });
});
