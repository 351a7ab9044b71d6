import type { Clock } from '../../runtime/clock.ts';
import { waitFor } from '../../runtime/leases.ts';
import type { WarehouseSystem } from '../system.ts';
import { openSnowflakeBackfill } from './backfill.ts';
import { snowflakeEnvironment } from './dbt-environment.ts';
import { openSnowflakeReader } from './reader.ts';
import { openSnowflakeRebuild } from './rebuild.ts';
import type { SnowflakeSettings } from './session.ts';
import { takeTransformTurn } from './transform-lease.ts';
import { openSnowflakeWarehouse } from './warehouse.ts';

/** A database that `warehouse provision` has made. @param signal ends the waiting for a turn. */
export function snowflakeSystem(settings: SnowflakeSettings, clock: Clock, signal: AbortSignal): WarehouseSystem {
  const session = (stage: string) => ({ settings, clock, stage });
  // Who looks is dbt's user, or an engineer: the loader's may not see SILVER, and dbt's may not use the loader's virtual warehouse.
  const openReader = async () => openSnowflakeReader({ ...session('read'), warehouse: settings.transformWarehouse });
  return {
    name: `${settings.database} of ${settings.account}`,
    // dbt may wait for a lock of a process that died.
    patienceMs: waitFor('transaction', settings.timeoutMs),
    isReadInTurn: false,
    // Each time it may wake the virtual warehouse up.
    freshnessEveryMs: 3_600_000,
    dbtEnvironment: snowflakeEnvironment(settings),
    exists: () => true,
    openLoader: () => openSnowflakeWarehouse(session('load')),
    openReader,
    openRebuild: () => openSnowflakeRebuild(session('replay')),
    openBackfill: (name) => openSnowflakeBackfill(session('replay'), name),
    takeTransformTurn: () =>
      takeTransformTurn({
        ...session('transform'),
        warehouse: settings.transformWarehouse,
        waitMs: settings.timeoutMs,
        signal,
      }),
    reportHolder: () => false,
    bronzeVersion: async () => {
      await using reader = await openReader();
      if ((await reader.query(hasBronzeSql)).length === 0) return null;
      return JSON.stringify(await reader.query(stampSql));
    },
    publishGold: async () => {},
    goldPublishedAt: () => Number.POSITIVE_INFINITY,
  };
}

/** Like all of SHOW it needs no virtual warehouse. */
const hasBronzeSql = "show tables like 'LOAD_BATCHES' in schema bronze";

/** Snowflake answers this from what it knows of the table, without a virtual warehouse. */
const stampSql = 'select count(*) as batches, max(load_seq) as load_seq from bronze.load_batches';
