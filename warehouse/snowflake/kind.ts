import { defineWarehouse } from '../kind.ts';
import { snowflakeGroup, snowflakeMistakes, snowflakeSettings } from './settings.ts';
import { snowflakeSystem } from './system.ts';

/** A database in an account of Snowflake. */
export const snowflake = defineWarehouse({
  group: snowflakeGroup,
  // Each flush keeps the virtual warehouse awake, which is what costs money: see docs/cost.md.
  defaultMaxAge: '15m',
  mistakes: snowflakeMistakes,
  settings: (given, { proxy }) => ({ ...snowflakeSettings(given), proxy }),
  files: () => [],
  server: ({ url, account }) => url ?? `https://${account}.snowflakecomputing.com`,
  open: snowflakeSystem,
});
