import { createPrivateKey } from 'node:crypto';
import { z } from 'zod';
import { duration, flag, httpUrl, secret } from '../../runtime/config-fields.ts';
import { Secret } from '../../runtime/secret.ts';
import { parseIdentifier } from './provision/identifiers.ts';
import type { SnowflakeCredentials, SnowflakeSettings } from './session.ts';

/** The settings for Snowflake. */

/** A name that needs no quotes, so that it means the same to Snowflake, dbt and a reader. */
const identifier = z
  .string()
  .refine((text) => parseIdentifier(text) !== null, 'expected a name of letters, digits, _ and $, such as LECTURE_DE')
  .transform((name) => name.toUpperCase());

/** The connection cannot be overheard: encrypted, or on this machine. */
const isPrivate = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(hostname);

export const snowflakeFields = {
  SNOWFLAKE_ACCOUNT: z
    .string()
    .regex(/^[\w-]+(\.[\w-]+)*$/, 'expected an account identifier such as MYORG-MYACCOUNT')
    .optional(),
  SNOWFLAKE_USER: z.string().min(1).optional(),
  SNOWFLAKE_PRIVATE_KEY: secret,
  SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: secret,
  SNOWFLAKE_TOKEN: secret,
  SNOWFLAKE_PASSWORD: secret,
  SNOWFLAKE_ALLOW_PASSWORD: flag,
  SNOWFLAKE_ROLE: identifier.optional(),
  SNOWFLAKE_DATABASE: identifier.default('LECTURE_DE'),
  SNOWFLAKE_INGEST_WAREHOUSE: identifier.default('LECTURE_INGEST_WH'),
  SNOWFLAKE_TRANSFORM_WAREHOUSE: identifier.default('LECTURE_TRANSFORM_WH'),
  SNOWFLAKE_URL: httpUrl
    .refine(
      (url) => isPrivate(new URL(url)),
      'expected https, because credentials are sent there (http only to this machine)',
    )
    .optional(),
  // A statement waits for a lock for half of this, in whole seconds. With less, the call would time out before Snowflake reports the lock.
  SNOWFLAKE_TIMEOUT: duration('2m').refine((ms) => ms >= 2_000, 'expected 2s or more'),
};

export type SnowflakeEnv = z.infer<z.ZodObject<typeof snowflakeFields>>;

export const snowflakeSecrets = [
  'SNOWFLAKE_PRIVATE_KEY',
  'SNOWFLAKE_PRIVATE_KEY_PASSPHRASE',
  'SNOWFLAKE_TOKEN',
  'SNOWFLAKE_PASSWORD',
] as const;

/** Everything that must not appear in any output. For a key also its lines, separately and joined: a message may quote either. */
export function secretsOfSnowflake(env: SnowflakeEnv): Secret[] {
  const lines = (env.SNOWFLAKE_PRIVATE_KEY?.reveal() ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^[A-Za-z0-9+/=]{16,}$/.test(line));
  return [
    ...snowflakeSecrets.map((name) => env[name]).filter((value) => value !== undefined),
    ...(lines.length > 0 ? [lines.join(''), ...lines].map((text) => new Secret(text)) : []),
  ];
}

/** Missing or inconsistent settings of a set-up for Snowflake, by variable. */
export function* snowflakeMistakes(env: SnowflakeEnv): Generator<readonly [keyof SnowflakeEnv, string]> {
  if (!env.SNOWFLAKE_ACCOUNT) yield ['SNOWFLAKE_ACCOUNT', 'needed with WAREHOUSE=snowflake, such as MYORG-MYACCOUNT'];
  if (!env.SNOWFLAKE_USER) yield ['SNOWFLAKE_USER', 'needed with WAREHOUSE=snowflake'];
  if (env.SNOWFLAKE_PRIVATE_KEY) {
    const mistake = keyMistake(env.SNOWFLAKE_PRIVATE_KEY, env.SNOWFLAKE_PRIVATE_KEY_PASSPHRASE);
    if (mistake) yield ['SNOWFLAKE_PRIVATE_KEY', mistake];
  } else if (!env.SNOWFLAKE_TOKEN && !env.SNOWFLAKE_PASSWORD) {
    yield [
      'SNOWFLAKE_PRIVATE_KEY',
      'needed with WAREHOUSE=snowflake: a private key as PEM, or SNOWFLAKE_PRIVATE_KEY_FILE; or a SNOWFLAKE_TOKEN (programmatic access token)',
    ];
  } else if (!env.SNOWFLAKE_TOKEN && !env.SNOWFLAKE_ALLOW_PASSWORD) {
    yield [
      'SNOWFLAKE_PASSWORD',
      'a plain password is refused: use a key pair or a token, or set SNOWFLAKE_ALLOW_PASSWORD=true to take the risk',
    ];
  }
}

/** Checked here, because the driver reports it only after its attempts. Never quotes the key. */
function keyMistake(key: Secret, passphrase: Secret | undefined): string | undefined {
  try {
    const { asymmetricKeyType } = createPrivateKey({ key: key.reveal(), passphrase: passphrase?.reveal() });
    return asymmetricKeyType === 'rsa' ? undefined : `expected an RSA key, this one is ${asymmetricKeyType}`;
  } catch {
    return 'cannot be read: expected a private RSA key as PEM, and its SNOWFLAKE_PRIVATE_KEY_PASSPHRASE if it has one';
  }
}

export type SnowflakeNames = Pick<SnowflakeSettings, 'database' | 'ingestWarehouse' | 'transformWarehouse'>;

export const snowflakeNames = (env: SnowflakeEnv): SnowflakeNames => ({
  database: env.SNOWFLAKE_DATABASE,
  ingestWarehouse: env.SNOWFLAKE_INGEST_WAREHOUSE,
  transformWarehouse: env.SNOWFLAKE_TRANSFORM_WAREHOUSE,
});

/** The options from an environment without mistakes. */
export const snowflakeOf = (env: SnowflakeEnv): SnowflakeSettings => ({
  account: env.SNOWFLAKE_ACCOUNT ?? '',
  user: env.SNOWFLAKE_USER ?? '',
  credentials: credentialsOf(env),
  role: env.SNOWFLAKE_ROLE,
  ...snowflakeNames(env),
  url: env.SNOWFLAKE_URL,
  timeoutMs: env.SNOWFLAKE_TIMEOUT,
});

/** The safest of the given credentials. */
function credentialsOf(env: SnowflakeEnv): SnowflakeCredentials {
  const { SNOWFLAKE_PRIVATE_KEY: privateKey, SNOWFLAKE_TOKEN: token, SNOWFLAKE_PASSWORD: password } = env;
  if (privateKey) return { kind: 'key pair', privateKey, passphrase: env.SNOWFLAKE_PRIVATE_KEY_PASSPHRASE };
  if (token) return { kind: 'token', token };
  if (password) return { kind: 'password', password };
  throw new RangeError('no credentials: call snowflakeMistakes first');
}
