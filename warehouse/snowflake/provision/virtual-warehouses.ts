import type { Names } from './names.ts';

export interface WarehouseSettings {
  readonly size: 'XSMALL' | 'SMALL';
  readonly statementTimeoutSeconds: number;
  readonly queueTimeoutSeconds: number;
}

/** A virtual warehouse suspends after this time without statements (s). */
export const autoSuspendSeconds = 60;

/** Virtual warehouses by purpose. */
export const virtualWarehouses = {
  /** A flush takes seconds, and a large file minutes. */
  ingest: { size: 'XSMALL', statementTimeoutSeconds: 900, queueTimeoutSeconds: 300 },
  /** A full refresh of dbt may take most of an hour. */
  transform: { size: 'SMALL', statementTimeoutSeconds: 3_600, queueTimeoutSeconds: 600 },
  /** Reads the rows of GOLD once for each build: minutes for millions of movies. */
  dashboard: { size: 'XSMALL', statementTimeoutSeconds: 900, queueTimeoutSeconds: 300 },
  /** One for both: cheap, with the long timeout that dbt needs. */
  shared: { size: 'XSMALL', statementTimeoutSeconds: 3_600, queueTimeoutSeconds: 600 },
} as const satisfies Readonly<Record<string, WarehouseSettings>>;

/** Those that load and run dbt, by name: two, or one that has both names. */
export function pipelineWarehouses({
  ingestWarehouse,
  transformWarehouse,
}: Pick<Names, 'ingestWarehouse' | 'transformWarehouse'>): ReadonlyMap<string, WarehouseSettings> {
  const { ingest, transform, shared } = virtualWarehouses;
  if (ingestWarehouse === transformWarehouse) return new Map([[ingestWarehouse, shared]]);
  return new Map<string, WarehouseSettings>([
    [ingestWarehouse, ingest],
    [transformWarehouse, transform],
  ]);
}

/** All virtual warehouses of an account, by name. */
export const warehousesOf = (names: Names): ReadonlyMap<string, WarehouseSettings> =>
  new Map([...pipelineWarehouses(names), [names.dashboardWarehouse, virtualWarehouses.dashboard]]);

/** The virtual warehouses of each resource monitor. The dashboard has its own: its reads must not use up the pipeline's quota. */
export const warehousesByMonitor = (names: Names): ReadonlyMap<string, readonly string[]> =>
  new Map([
    [names.monitor, [...pipelineWarehouses(names).keys()]],
    [`${names.monitor}_DASHBOARD`, [names.dashboardWarehouse]],
  ]);
