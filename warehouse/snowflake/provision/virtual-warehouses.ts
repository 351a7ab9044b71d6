import type { Names } from './names.ts';

export interface WarehouseSettings {
  readonly size: 'XSMALL' | 'SMALL';
  readonly statementTimeoutSeconds: number;
  readonly queueTimeoutSeconds: number;
}

/** So long after its last statement a virtual warehouse falls asleep. */
export const autoSuspendSeconds = 60;

/** Virtual warehouses by what they are for. */
export const virtualWarehouses = {
  /** A flush takes seconds, and a large file minutes. */
  ingest: { size: 'XSMALL', statementTimeoutSeconds: 900, queueTimeoutSeconds: 300 },
  /** A full refresh of dbt may take the better part of an hour. */
  transform: { size: 'SMALL', statementTimeoutSeconds: 3_600, queueTimeoutSeconds: 600 },
  /** One for both: cheap, and as patient as dbt needs. */
  shared: { size: 'XSMALL', statementTimeoutSeconds: 3_600, queueTimeoutSeconds: 600 },
} as const satisfies Readonly<Record<string, WarehouseSettings>>;

/** Those of an account, by name: two, or one that is named twice. */
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
