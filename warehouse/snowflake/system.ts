import { waitFor } from '../../runtime/leases.ts';
import type { WarehouseUse } from '../kind.ts';
import type { WarehouseSystem } from '../system.ts';
import { costOf } from './cost.ts';
import { snowflakeEnvironment } from './dbt-environment.ts';
import type { SnowflakeSettings } from './session.ts';

/** A database that `warehouse provision` has created. Its code is loaded when it is first opened: with DuckDB, no command needs it. */
export function snowflakeSystem(
  settings: SnowflakeSettings,
  { clock, retentionMs, signal }: WarehouseUse,
): WarehouseSystem {
  const session = (stage: string) => ({ settings, clock, stage });
  const writer = (stage: string) => ({ ...session(stage), retentionMs });
  // Readers log in as dbt's user or as an engineer: the loader's user may not see SILVER, and dbt's may not use the loader's virtual warehouse.
  const openReader = async () =>
    (await import('./reader.ts')).openSnowflakeReader({ ...session('read'), warehouse: settings.transformWarehouse });
  return {
    name: `${settings.database} of ${settings.account}`,
    // dbt may wait for a lock of a dead process.
    patienceMs: waitFor('transaction', settings.timeoutMs),
    // Each look keeps the transform warehouse running for at least a minute.
    statusEveryMs: 600_000,
    readsNeedLock: false,
    // Each check may start the virtual warehouse.
    freshnessEveryMs: 3_600_000,
    dbtVariables: snowflakeEnvironment(settings),
    exists: () => true,
    openLoader: async () => (await import('./warehouse.ts')).openSnowflakeWarehouse(writer('load')),
    openReader,
    openRebuild: async () => (await import('./rebuild.ts')).openSnowflakeRebuild(writer('replay')),
    openBackfill: async (name) => (await import('./backfill.ts')).openSnowflakeBackfill(writer('replay'), name),
    adopt: async (adoptions) => (await import('./adopt.ts')).adoptInSnowflake(session('adopt'), adoptions),
    openPurge: async () =>
      (await import('./purge.ts')).openSnowflakePurge({
        ...session('purge'),
        warehouse: settings.transformWarehouse,
        signal,
      }),
    takeTransformLease: async () =>
      (await import('./transform-lease.ts')).takeTransformLease({
        ...session('transform'),
        warehouse: settings.transformWarehouse,
        waitMs: settings.timeoutMs,
        signal,
      }),
    reportHolder: () => false,
    openRunLog: async () =>
      (await import('./run-log.ts')).openSnowflakeRunLog({
        ...session('transform'),
        warehouse: settings.transformWarehouse,
      }),
    creditsFor: (seconds) =>
      costOf([], [{ from: 0, to: seconds * 1_000 }], settings.ingestWarehouse === settings.transformWarehouse).credits,
    bronzeVersion: async () => {
      await using reader = await openReader();
      if ((await reader.query(hasBronzeSql)).length === 0) return null;
      return JSON.stringify(await reader.query(versionSql));
    },
    publishGold: async () => {},
    goldPublishedAt: () => Number.POSITIVE_INFINITY,
    openGold: async (models, onProblem) =>
      (await import('./gold-reader.ts')).openSnowflakeGold({
        settings: { ...settings, role: settings.dashboardRole ?? settings.analystRole },
        ...{ clock, signal, models, onProblem, stage: 'dashboard' },
        warehouse: settings.dashboardWarehouse ?? settings.transformWarehouse,
        pollMs: settings.dashboardPollMs,
      }),
  };
}

/** Like all SHOW statements, it needs no virtual warehouse. */
const hasBronzeSql = "show tables like 'LOAD_BATCHES' in schema bronze";

/** Snowflake answers this from the table's metadata, without a virtual warehouse. */
const versionSql = 'select count(*) as batches, max(load_seq) as load_seq from bronze.load_batches';
