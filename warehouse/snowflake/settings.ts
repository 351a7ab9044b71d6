import { createPrivateKey } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import { bareHost, isLoopback } from '../../runtime/addresses.ts';
import { type Secret, secretsOfPem } from '../../runtime/secret.ts';
import { type Kind, objectOf, type SettingsGroup, setting } from '../../runtime/setting.ts';
import { durationFrom, flag, httpUrl, path, secret, text } from '../../runtime/setting-kinds.ts';
import { parseIdentifier } from './provision/identifiers.ts';
import type { SnowflakeCredentials, SnowflakeSettings } from './session.ts';

/** A name that needs no quotes, so that it means the same to Snowflake, to dbt and to a person. */
const identifier: Kind<string> = {
  schema: z
    .string()
    .refine((name) => parseIdentifier(name) !== null, 'expected a name of letters, digits, _ and $, such as LECTURE_DE')
    .transform((name) => name.toUpperCase()),
  form: 'name of letters, digits, `_` and `$`',
};

/**
 * Whether no one else can listen: the connection is encrypted, or stays on this machine. Stricter than `mayBeCleartext`: a password or
 * a token for Snowflake goes to no other host of a private network, and a name other than `localhost` may lead elsewhere.
 */
function isConfidential({ protocol, hostname }: URL): boolean {
  const host = bareHost(hostname);
  const isThisMachine = host === 'localhost' || host === '::1' || (isIP(host) === 4 && isLoopback(host));
  return protocol === 'https:' || isThisMachine;
}

const settings = {
  account: setting({
    name: 'SNOWFLAKE_ACCOUNT',
    kind: {
      schema: z.string().regex(/^[\w-]+(\.[\w-]+)*$/, 'expected an account identifier such as MYORG-MYACCOUNT'),
      form: 'account identifier such as `MYORG-MYACCOUNT`',
    },
    meaning: 'The account. WAREHOUSE=snowflake requires it, the user, and one way to log in.',
  }),
  user: setting({ name: 'SNOWFLAKE_USER', kind: text, meaning: 'The user of the service.' }),
  privateKey: setting({
    name: 'SNOWFLAKE_PRIVATE_KEY',
    kind: { ...secret, secretsOf: secretsOfPem },
    form: 'PEM',
    meaning: "The user's private RSA key, the usual way to log in.",
    see: 'docs/snowflake.md',
  }),
  passphrase: setting({
    name: 'SNOWFLAKE_PRIVATE_KEY_PASSPHRASE',
    kind: secret,
    meaning: 'The passphrase of the key, if it has one.',
  }),
  token: setting({
    name: 'SNOWFLAKE_TOKEN',
    kind: secret,
    meaning: 'A programmatic access token, used if there is no key.',
  }),
  identityTokenFile: setting({
    name: 'SNOWFLAKE_IDENTITY_TOKEN_FILE',
    // Read at each login, and an agent may write it after the start.
    kind: path('rotating file'),
    meaning:
      'A file with an OIDC token of this workload, as Kubernetes projects it, used if there is neither key nor token. It is read again ' +
      'at each login, so it may rotate. The user in Snowflake needs a WORKLOAD_IDENTITY of the type OIDC.',
    see: 'docs/snowflake.md',
  }),
  password: setting({
    name: 'SNOWFLAKE_PASSWORD',
    kind: secret,
    meaning: 'A plain password. It is refused unless SNOWFLAKE_ALLOW_PASSWORD allows it.',
  }),
  allowPassword: setting({
    name: 'SNOWFLAKE_ALLOW_PASSWORD',
    kind: flag,
    default: 'false',
    meaning: 'Whether a plain password may log in.',
  }),
  role: setting({
    name: 'SNOWFLAKE_ROLE',
    kind: identifier,
    meaning:
      'The role of the session. DE_ROLE runs all stages in one process. Leave it empty for a service with its own user.',
    defaultNote: "the user's default role",
  }),
  database: setting({
    name: 'SNOWFLAKE_DATABASE',
    kind: identifier,
    default: 'LECTURE_DE',
    meaning: 'The database. `warehouse provision` creates it with this name.',
  }),
  ingestWarehouse: setting({
    name: 'SNOWFLAKE_INGEST_WAREHOUSE',
    kind: identifier,
    default: 'LECTURE_INGEST_WH',
    meaning: 'The virtual warehouse that loads.',
  }),
  transformWarehouse: setting({
    name: 'SNOWFLAKE_TRANSFORM_WAREHOUSE',
    kind: identifier,
    default: 'LECTURE_TRANSFORM_WH',
    meaning:
      'The virtual warehouse that runs dbt and answers `status`. If it is also the one that loads, the cost is lower, because only one warehouse runs.',
  }),
  analystRole: setting({
    name: 'SNOWFLAKE_ANALYST_ROLE',
    kind: identifier,
    default: 'ANALYST_ROLE',
    meaning:
      'The role that reads GOLD: `warehouse provision` creates it, and dbt grants SELECT on each table of GOLD to it.',
  }),
  dashboardRole: setting({
    name: 'SNOWFLAKE_DASHBOARD_ROLE',
    kind: identifier,
    meaning:
      'The role with which `dashboard` reads GOLD. It needs the rights of SNOWFLAKE_ANALYST_ROLE, and USAGE on a virtual warehouse, which the default role lacks.',
    see: 'docs/dashboard.md',
    defaultNote: 'SNOWFLAKE_ANALYST_ROLE',
  }),
  dashboardWarehouse: setting({
    name: 'SNOWFLAKE_DASHBOARD_WAREHOUSE',
    kind: identifier,
    meaning: 'The virtual warehouse with which `dashboard` reads GOLD, once for each build.',
    defaultNote: 'SNOWFLAKE_TRANSFORM_WAREHOUSE',
  }),
  dashboardPollMs: setting({
    name: 'SNOWFLAKE_DASHBOARD_POLL',
    kind: durationFrom('1s'),
    default: '1m',
    meaning: 'How often `dashboard` looks for a new build. A look needs no virtual warehouse.',
  }),
  url: setting({
    name: 'SNOWFLAKE_URL',
    kind: {
      schema: httpUrl('https://myorg-myaccount.snowflakecomputing.com').refine(
        (url) => isConfidential(new URL(url)),
        'expected https, because credentials are sent there (http only to this machine)',
      ),
      form: 'URL with https',
    },
    meaning: 'Another address, such as a private link.',
    defaultNote: "the account's",
  }),
  timeoutMs: setting({
    name: 'SNOWFLAKE_TIMEOUT',
    // A statement waits for a lock for half of this, in whole seconds. With less, the call would time out before Snowflake reports the lock.
    kind: durationFrom('2s'),
    default: '2m',
    meaning:
      'Time limit for one call. After a timeout, the loader checks the ledger, then retries. Waits for locks and leases can be longer.',
  }),
};

const schema = objectOf(settings);

/** The settings of Snowflake as they are given, complete or not. */
export type SnowflakeGiven = Readonly<z.infer<typeof schema>>;

export const snowflakeGroup = {
  title: 'Snowflake',
  prefixes: ['SNOWFLAKE_'],
  settings,
  schema,
} satisfies SettingsGroup;

/** Settings that are missing or contradict each other when the warehouse is Snowflake: the property, and what to do. */
export function* snowflakeMistakes(given: SnowflakeGiven): Generator<readonly [keyof SnowflakeGiven, string]> {
  if (!given.account) yield ['account', 'needed with WAREHOUSE=snowflake, such as MYORG-MYACCOUNT'];
  if (!given.user) yield ['user', 'needed with WAREHOUSE=snowflake'];
  if (given.privateKey) {
    const mistake = keyMistake(given.privateKey, given.passphrase);
    if (mistake) yield ['privateKey', mistake];
  } else if (given.token || given.identityTokenFile) {
    return;
  } else if (!given.password) {
    yield [
      'privateKey',
      'needed with WAREHOUSE=snowflake: a private key as PEM, or SNOWFLAKE_PRIVATE_KEY_FILE; a SNOWFLAKE_TOKEN (programmatic access token); or a SNOWFLAKE_IDENTITY_TOKEN_FILE (workload identity)',
    ];
  } else if (!given.allowPassword) {
    yield [
      'password',
      'a plain password is refused: use a key pair or a token, or set SNOWFLAKE_ALLOW_PASSWORD=true to take the risk',
    ];
  }
}

/** Checked here, because the driver reports it only after several attempts. Never quotes the key. */
function keyMistake(key: Secret, passphrase: Secret | undefined): string | undefined {
  try {
    const { asymmetricKeyType } = createPrivateKey({ key: key.reveal(), passphrase: passphrase?.reveal() });
    return asymmetricKeyType === 'rsa' ? undefined : `expected an RSA key, this one is ${asymmetricKeyType}`;
  } catch {
    return 'cannot be read: expected a private RSA key as PEM, and its SNOWFLAKE_PRIVATE_KEY_PASSPHRASE if it has one';
  }
}

/** The names of the objects that `warehouse provision` creates, and the settings that name them. */
export type SnowflakeNames = Pick<
  SnowflakeSettings,
  'database' | 'ingestWarehouse' | 'transformWarehouse' | 'analystRole' | 'dashboardRole' | 'dashboardWarehouse'
>;

export const snowflakeNames = (given: SnowflakeGiven): SnowflakeNames => ({
  database: given.database,
  ingestWarehouse: given.ingestWarehouse,
  transformWarehouse: given.transformWarehouse,
  analystRole: given.analystRole,
  dashboardRole: given.dashboardRole,
  dashboardWarehouse: given.dashboardWarehouse,
});

/** @param given settings in which `snowflakeMistakes` finds nothing. */
export const snowflakeSettings = (given: SnowflakeGiven): SnowflakeSettings => ({
  account: given.account ?? '',
  user: given.user ?? '',
  credentials: credentialsOf(given),
  role: given.role,
  ...snowflakeNames(given),
  dashboardPollMs: given.dashboardPollMs,
  url: given.url,
  timeoutMs: given.timeoutMs,
});

/** The safest of those that are given. */
function credentialsOf({
  privateKey,
  passphrase,
  token,
  identityTokenFile,
  password,
}: SnowflakeGiven): SnowflakeCredentials {
  if (privateKey) return { kind: 'key pair', privateKey, passphrase };
  if (token) return { kind: 'token', token };
  if (identityTokenFile) return { kind: 'workload identity', tokenFile: resolve(identityTokenFile) };
  if (password) return { kind: 'password', password };
  throw new RangeError('no credentials: call snowflakeMistakes first');
}
