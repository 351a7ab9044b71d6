import { expect } from 'vitest';
import type { SnowflakeTables } from './snowflake-tables.ts';
import { derivedRelations, type WarehouseFile } from './warehouse-file.ts';

type Row = Readonly<Record<string, unknown>>;
/** Rows as text, sorted. */
export type Contents = Readonly<Record<string, readonly string[]>>;

const documents = ['genres', 'production_companies', 'production_countries', 'spoken_languages'].flatMap((list) => [
  list,
  `_${list}`,
]);

/** Each driver has its own types for integers and timestamps. Documents are compared by value. */
function comparable(column: string, value: unknown): unknown {
  if (documents.includes(column)) return sorted(typeof value === 'string' ? parsed(value) : value);
  if (value instanceof Date)
    return value
      .toISOString()
      .slice(0, /_(?:date|on)$/.test(column) ? 10 : 19)
      .replace('T', ' ');
  // DuckDB's client omits a byte order mark at the start of a text.
  if (typeof value === 'string') return value.replace(/^\ufeff/, '');
  return typeof value === 'bigint' || typeof value === 'number' ? String(value) : value;
}

/** A text may be in the place of a list; DuckDB stores it without quotes. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** With the keys of objects sorted, because VARIANT does not keep their order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

const textOf = (row: Row): string =>
  JSON.stringify(Object.entries(row).map(([column, value]) => [column, comparable(column, value)]));

/** The columns of each table that must be equal. The time of sealing may differ. */
const queries: Readonly<Record<string, string>> = {
  'silver.sealed_batches': 'select load_seq, batch_id, run_seq from silver.sealed_batches',
  ...Object.fromEntries(derivedRelations.map((table) => [table, `select * from ${table}`])),
};

/** Every row and column of these tables. @param tables a query for each. @default every derived table, and the seals */
export async function contentsOf(
  warehouse: WarehouseFile | SnowflakeTables,
  tables: Readonly<Record<string, string>> = queries,
): Promise<Contents> {
  const contents: Record<string, readonly string[]> = {};
  for (const [table, sql] of Object.entries(tables)) {
    const rows: readonly Row[] = await warehouse.query(sql);
    contents[table] = rows.map(textOf).sort();
  }
  return contents;
}

/** The first rows that differ are more useful than all of them. */
export function expectSame(actual: Contents, expected: Contents): void {
  for (const table of Object.keys(expected)) {
    const [rows = [], others = []] = [actual[table], expected[table]];
    const [wanted, found] = [new Set(others), new Set(rows)];
    expect(rows.filter((row) => !wanted.has(row)).slice(0, 3), table).toEqual(
      others.filter((row) => !found.has(row)).slice(0, 3),
    );
    expect(rows.length, table).toBe(others.length);
  }
}
