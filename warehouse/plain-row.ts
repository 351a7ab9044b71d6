/** A row from a WarehouseReader: numbers if they are exact, moments as ISO texts. */
export const plainRow = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).map(([column, value]) => [column, plainValue(value)]));

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  return value instanceof Date ? value.toISOString() : value;
}
