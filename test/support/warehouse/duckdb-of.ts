import type { Config } from '../../../platform/config.ts';
import type { DuckDbSettings } from '../../../warehouse/duckdb/settings.ts';

/** The settings of the DuckDB file of a test. @throws if the test has chosen another warehouse. */
export function duckDbOf({ warehouse }: Pick<Config, 'warehouse'>): DuckDbSettings {
  if (!warehouse.duckdb) throw new Error(`the warehouse is ${warehouse.kind}, not a DuckDB file`);
  return warehouse.duckdb;
}
