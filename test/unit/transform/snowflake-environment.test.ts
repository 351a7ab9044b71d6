import { expect, it } from 'vitest';
import { Secret } from '../../../runtime/secret.ts';
import { snowflakeEnvironment } from '../../../warehouse/snowflake/dbt-environment.ts';
import type { SnowflakeCredentials } from '../../../warehouse/snowflake/session.ts';

const environmentWith = (credentials: SnowflakeCredentials, url?: string) =>
  snowflakeEnvironment({
    account: 'org-account',
    user: 'DBT',
    credentials,
    role: undefined,
    database: 'D',
    ingestWarehouse: 'I',
    transformWarehouse: 'T',
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
