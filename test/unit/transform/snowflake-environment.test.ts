import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../../../platform/config.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { Secret } from '../../../runtime/secret.ts';
import { openWarehouse } from '../../../warehouse/registry.ts';
import { snowflakeEnvironment } from '../../../warehouse/snowflake/dbt-environment.ts';
import type { SnowflakeCredentials } from '../../../warehouse/snowflake/session.ts';

/** dbt's environment, as the settings of a person lead to it. */
function environmentBy(settings: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { warehouse } = loadConfig(settings);
  const { signal } = new AbortController();
  return openWarehouse(warehouse, {
    clock: systemClock,
    retentionMs: Number.POSITIVE_INFINITY,
    signal,
    watchFile: () => () => {},
  }).dbtVariables;
}

const login = { WAREHOUSE: 'snowflake', SNOWFLAKE_ACCOUNT: 'ORG-ACCOUNT', SNOWFLAKE_USER: 'DBT', SNOWFLAKE_TOKEN: 't' };

const environmentWith = (credentials: SnowflakeCredentials, url?: string) =>
  snowflakeEnvironment({
    account: 'org-account',
    user: 'DBT',
    credentials,
    role: undefined,
    database: 'D',
    ingestWarehouse: 'I',
    transformWarehouse: 'T',
    analystRole: 'READERS',
    dashboardPollMs: 60_000,
    url,
    timeoutMs: 1,
  });

it('passes only the used secret to dbt, on one line', () => {
  const pem = `-----BEGIN ${'ENCRYPTED'} PRIVATE KEY-----\nMIIB\nCgKC==\n-----END ENCRYPTED PRIVATE KEY-----\n`;
  const secretsOf = (credentials: SnowflakeCredentials) =>
    Object.entries(environmentWith(credentials)).filter(([name]) => name.startsWith('DBT_ENV_SECRET_'));
  expect(secretsOf({ kind: 'key pair', privateKey: new Secret(pem), passphrase: new Secret('p') })).toEqual([
    ['DBT_ENV_SECRET_SNOWFLAKE_PRIVATE_KEY', 'MIIBCgKC=='],
    ['DBT_ENV_SECRET_SNOWFLAKE_PRIVATE_KEY_PASSPHRASE', 'p'],
  ]);
  expect(secretsOf({ kind: 'key pair', privateKey: new Secret(pem), passphrase: undefined })).toHaveLength(1);
  expect(secretsOf({ kind: 'token', token: new Secret('t') })).toEqual([['DBT_ENV_SECRET_SNOWFLAKE_TOKEN', 't']]);
  expect(secretsOf({ kind: 'password', password: new Secret('w') })).toEqual([
    ['DBT_ENV_SECRET_SNOWFLAKE_PASSWORD', 'w'],
  ]);
});

it('passes the path of an identity token to dbt, and no secret', () => {
  const environment = environmentWith({ kind: 'workload identity', tokenFile: '/run/token' });
  expect(environment).toMatchObject({ SNOWFLAKE_IDENTITY_TOKEN_FILE: '/run/token' });
  expect(Object.keys(environment).filter((name) => name.startsWith('DBT_ENV_SECRET_'))).toEqual([]);
});

it('contains the address only if it is not that of the account', () => {
  const token: SnowflakeCredentials = { kind: 'token', token: new Secret('t') };
  expect(environmentWith(token)).not.toHaveProperty('SNOWFLAKE_HOST');
  expect(environmentWith(token, 'http://127.0.0.1:18080')).toMatchObject({
    SNOWFLAKE_HOST: '127.0.0.1',
    SNOWFLAKE_PORT: '18080',
    SNOWFLAKE_PROTOCOL: 'http',
  });
  expect(environmentWith(token, 'https://org.privatelink.snowflakecomputing.com')).toMatchObject({
    SNOWFLAKE_HOST: 'org.privatelink.snowflakecomputing.com',
    SNOWFLAKE_PORT: '443',
    SNOWFLAKE_PROTOCOL: 'https',
  });
});

it('names the role of analysts to dbt, to which dbt grants GOLD', () => {
  expect(environmentBy({ ...login, SNOWFLAKE_ANALYST_ROLE: 'readers' })).toMatchObject({
    SNOWFLAKE_ANALYST_ROLE: 'READERS',
  });
  expect(environmentBy(login)).toMatchObject({ SNOWFLAKE_ANALYST_ROLE: 'ANALYST_ROLE' });
});

it('has every variable that the dbt project reads, with the environment of DuckDB', () => {
  const key: SnowflakeCredentials = { kind: 'key pair', privateKey: new Secret('k'), passphrase: new Secret('p') };
  const passed = new Set([
    ...Object.keys(environmentBy({})),
    ...Object.keys(environmentBy({ ...login, SNOWFLAKE_ROLE: 'DE_ROLE', SNOWFLAKE_URL: 'https://x.example' })),
    ...Object.keys(environmentWith(key)),
    ...Object.keys(environmentWith({ kind: 'password', password: new Secret('w') })),
  ]);
  const root = join(import.meta.dirname, '../../..');
  const read = ['dbt/dbt_project.yml', 'dbt/profiles.yml'].flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/env_var\('(\w+)'/g)].map(([, name = '']) => name),
  );
  expect(read.length).toBeGreaterThan(10);
  expect(read.filter((name) => !passed.has(name))).toEqual([]);
});
