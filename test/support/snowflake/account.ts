import { loadConfig } from '../../../platform/config.ts';
import type { SnowflakeSettings } from '../../../warehouse/snowflake/session.ts';

/**
 * The account for tests: with SNOWFLAKE_TEST=1, the one whose credentials are in the environment (SNOWFLAKE_ACCOUNT and so on). Its user has
 * to be allowed to create databases, in which the tests work. Credentials alone do not count: who works with an account has them set,
 * and must not pay for `npm test`. @returns null, said aloud, without it. @throws UsageError for credentials that are missing.
 */
export function snowflakeAccount(): SnowflakeSettings | null {
  if (process.env['SNOWFLAKE_TEST'] !== '1') {
    process.stdout.write('skipped: the tests on a real Snowflake account, as SNOWFLAKE_TEST=1 is not set\n');
    return null;
  }
  return loadConfig({ ...process.env, WAREHOUSE: 'snowflake' }).warehouse.snowflake ?? null;
}
