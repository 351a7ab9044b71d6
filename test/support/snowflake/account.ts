import { loadConfig } from '../../../platform/config.ts';
import type { SnowflakeSettings } from '../../../warehouse/snowflake/session.ts';

/**
 * The account for tests: with SNOWFLAKE_TEST=1, the one whose credentials are in the environment (SNOWFLAKE_ACCOUNT and so on). Its user
 * must be allowed to create databases for the tests. Credentials alone do not enable it, because users of an account have them set and
 * must not pay for `npm test`. @returns null without it, after printing a line. @throws UsageError for missing credentials.
 */
export function snowflakeAccount(): SnowflakeSettings | null {
  if (process.env['SNOWFLAKE_TEST'] !== '1') {
    process.stdout.write('skipped: the tests on a real Snowflake account, because SNOWFLAKE_TEST=1 is not set\n');
    return null;
  }
  return loadConfig({ ...process.env, WAREHOUSE: 'snowflake' }).warehouse.snowflake ?? null;
}
