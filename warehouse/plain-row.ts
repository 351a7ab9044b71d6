/** A row as plain values: numbers if they are exact, moments as ISO texts. */
export function plainRow(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // A loop: pairs of a million rows would take 100 MB and two seconds.
  const plain: Record<string, unknown> = {};
  for (const column of Object.keys(row)) plain[column] = plainValue(row[column]);
  return plain;
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  return value instanceof Date ? value.toISOString() : value;
}
