import { loadConfig } from '../../lib/config.ts';
import { UsageError } from '../../lib/errors.ts';
import type { SnowflakeSettings } from '../../lib/warehouse/snowflake/session.ts';

/**
 * The account whose credentials are in the environment (SNOWFLAKE_ACCOUNT and so on); null, said aloud, when there are none. Its user has to be
 * allowed to create databases, in which the tests work.
 */
export function snowflakeAccount(): SnowflakeSettings | null {
  if (!process.env['SNOWFLAKE_ACCOUNT']) {
    process.stdout.write('skipped: the tests on a real Snowflake account, as no SNOWFLAKE_ACCOUNT is set\n');
    return null;
  }
  const { snowflake } = loadConfig({ ...process.env, WAREHOUSE: 'snowflake' }).warehouse;
  if (!snowflake) throw new UsageError('SNOWFLAKE_ACCOUNT is set, and no way to log in');
  return snowflake;
}
