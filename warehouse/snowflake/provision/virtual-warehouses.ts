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
  /** One for both: cheap, with the long timeout that dbt needs. */
  shared: { size: 'XSMALL', statementTimeoutSeconds: 3_600, queueTimeoutSeconds: 600 },
} as const satisfies Readonly<Record<string, WarehouseSettings>>;

/** The virtual warehouses of an account, by name: two, or one that has both names. */
export function warehousesOf({
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
