import { systemClock } from '../lib/clock.ts';
import type { Config } from '../lib/config.ts';
import { duckDbSystem } from '../lib/warehouse/duckdb/system.ts';
import { snowflakeSystem } from '../lib/warehouse/snowflake/system.ts';
import type { WarehouseSystem } from '../lib/warehouse/system.ts';
import type { Context } from './platform.ts';

/** The warehouse of this context. @param more what is to be otherwise than configured. */
export function warehouseSystem(
  { config, signal }: Pick<Context, 'config' | 'signal'>,
  more: Partial<Config['warehouse']> = {},
): WarehouseSystem {
  const { snowflake, ...duckdb } = { ...config.warehouse, ...more };
  return snowflake ? snowflakeSystem(snowflake, systemClock, signal) : duckDbSystem(duckdb, systemClock, signal);
}
