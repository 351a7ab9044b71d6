import { systemClock } from '../runtime/clock.ts';
import { UsageError } from '../runtime/errors.ts';
import type { Query } from '../warehouse/snowflake/provision/model.ts';
import { openSnowflakeSession } from '../warehouse/snowflake/session.ts';
import type { Context } from './context.ts';

/**
 * The account of the settings, for its administrator: as the user of the settings, but without the role of a service.
 * @throws UsageError if the warehouse is not Snowflake, and the errors of `openSnowflakeSession`.
 */
export async function withAccount<T>({ config }: Context, use: (query: Query) => Promise<T>): Promise<T> {
  const { snowflake } = config.warehouse;
  if (!snowflake) throw new UsageError('only Snowflake is provisioned: set WAREHOUSE=snowflake, or use --print');
  const settings = { ...snowflake, role: undefined };
  await using session = await openSnowflakeSession({ settings, clock: systemClock, stage: 'provision' });
  return await use(async (sql) => (await session.execute({ sql })).rows);
}
