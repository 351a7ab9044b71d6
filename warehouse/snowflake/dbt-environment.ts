import { proxyEnvironment } from '../../runtime/proxy.ts';
import type { SnowflakeCredentials, SnowflakeSettings } from './session.ts';

/**
 * The environment of `profiles.yml` for Snowflake, for `DbtEnvironment.env`. Secrets have names that dbt removes from its
 * logs, and each is on one line: in a JSON log, dbt does not find a text with line breaks, such as a key file.
 */
export function snowflakeEnvironment(settings: SnowflakeSettings): NodeJS.ProcessEnv {
  const { account, user, credentials, role, database, transformWarehouse, analystRole, url, proxy } = settings;
  return {
    WAREHOUSE: 'snowflake',
    SNOWFLAKE_ACCOUNT: account,
    SNOWFLAKE_USER: user,
    SNOWFLAKE_DATABASE: database,
    SNOWFLAKE_TRANSFORM_WAREHOUSE: transformWarehouse,
    SNOWFLAKE_ANALYST_ROLE: analystRole,
    ...(role !== undefined && { SNOWFLAKE_ROLE: role }),
    ...(url !== undefined && addressOf(new URL(url))),
    ...secretsOf(credentials),
    ...(proxy && proxyEnvironment(proxy)),
    // For the Python driver: how often it retries a login. (dbt's `connect_retries` does not count a refused connection.)
    MAX_CON_RETRY_ATTEMPTS: '4',
  };
}

const addressOf = ({ protocol, hostname, port }: URL): NodeJS.ProcessEnv => ({
  SNOWFLAKE_HOST: hostname,
  SNOWFLAKE_PORT: port || (protocol === 'http:' ? '80' : '443'),
  SNOWFLAKE_PROTOCOL: protocol.slice(0, -1),
});

/** Only the secrets in use: dbt does not distinguish an empty secret from a present one. */
function secretsOf(credentials: SnowflakeCredentials): NodeJS.ProcessEnv {
  switch (credentials.kind) {
    case 'key pair': {
      const { privateKey, passphrase } = credentials;
      return {
        DBT_ENV_SECRET_SNOWFLAKE_PRIVATE_KEY: withoutArmour(privateKey.reveal()),
        ...(passphrase && { DBT_ENV_SECRET_SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: passphrase.reveal() }),
      };
    }
    case 'token':
      return { DBT_ENV_SECRET_SNOWFLAKE_TOKEN: credentials.token.reveal() };
    case 'workload identity':
      // dbt-snowflake 1.11 has no such login: transform/dbt/workload_identity.py adds it.
      return { SNOWFLAKE_IDENTITY_TOKEN_FILE: credentials.tokenFile };
    case 'password':
      return { SNOWFLAKE_ALLOW_PASSWORD: 'true', DBT_ENV_SECRET_SNOWFLAKE_PASSWORD: credentials.password.reveal() };
  }
}

/** The base64 of a PEM, which dbt-snowflake accepts like the PEM. */
const withoutArmour = (pem: string): string => pem.replaceAll(/-----[A-Z ]+-----|\s/g, '');
