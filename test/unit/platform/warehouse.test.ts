import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../platform/config.ts';
import { transformTarget, warehouseAccess } from '../../../platform/warehouse.ts';
import { testContext } from '../../support/context.ts';

describe('the warehouse of a context', () => {
  it('is one system, of which stages and dbt receive their parts', () => {
    const context = testContext({});
    expect(warehouseAccess(context)).toBe(warehouseAccess(context));
    expect(transformTarget(context)).toBe(warehouseAccess(context));
  });

  it('is another one for a part with a signal or settings of its own', () => {
    const context = testContext({});
    const part = { ...context, signal: new AbortController().signal };
    expect(warehouseAccess(part)).not.toBe(warehouseAccess(context));
    const other = { ...context, config: loadConfig({ DUCKDB_PATH: '/data/other.duckdb' }) };
    expect(warehouseAccess(other).name).toBe('/data/other.duckdb');
  });

  it('watches a file in /readyz, and nothing if the warehouse is a server', async () => {
    const file = testContext({});
    warehouseAccess(file);
    expect((await file.health.readiness()).checks).toEqual({ warehouse: 'ok' });
    const environment = { SNOWFLAKE_ACCOUNT: 'A-B', SNOWFLAKE_USER: 'U', SNOWFLAKE_TOKEN: 'token' };
    const server = testContext({ WAREHOUSE: 'snowflake', ...environment });
    warehouseAccess(server);
    expect((await server.health.readiness()).checks).toEqual({});
  });
});
