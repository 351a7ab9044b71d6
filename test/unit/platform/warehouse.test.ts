import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../platform/config.ts';
import type { Context } from '../../../platform/context.ts';
import { transformTarget, warehouseAccess } from '../../../platform/warehouse.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { Health } from '../../../runtime/health.ts';
import { createMetrics } from '../../../runtime/metrics.ts';
import { noProgress } from '../../../runtime/progress.ts';
import { silent } from '../../support/kafka/broker.ts';

const contextOf = (environment: NodeJS.ProcessEnv): Context => ({
  config: loadConfig(environment),
  log: silent,
  progress: noProgress,
  signal: new AbortController().signal,
  metrics: createMetrics('test'),
  health: new Health(systemClock),
});

describe('the warehouse of a context', () => {
  it('is one system, of which stages and dbt receive their parts', () => {
    const context = contextOf({});
    expect(warehouseAccess(context)).toBe(warehouseAccess(context));
    expect(transformTarget(context)).toBe(warehouseAccess(context));
  });

  it('is another one for a part with a signal or settings of its own', () => {
    const context = contextOf({});
    const part = { ...context, signal: new AbortController().signal };
    expect(warehouseAccess(part)).not.toBe(warehouseAccess(context));
    const other = { ...context, config: loadConfig({ DUCKDB_PATH: '/data/other.duckdb' }) };
    expect(warehouseAccess(other).name).toBe('/data/other.duckdb');
  });

  it('watches a file in /readyz, and nothing if the warehouse is a server', async () => {
    const file = contextOf({});
    warehouseAccess(file);
    expect((await file.health.readiness()).checks).toEqual({ warehouse: 'ok' });
    const environment = { SNOWFLAKE_ACCOUNT: 'A-B', SNOWFLAKE_USER: 'U', SNOWFLAKE_TOKEN: 'token' };
    const server = contextOf({ WAREHOUSE: 'snowflake', ...environment });
    warehouseAccess(server);
    expect((await server.health.readiness()).checks).toEqual({});
  });
});
