import type { GoldTable } from '../duckdb/gold-in-memory.ts';
import type { SnowflakeSession } from './session.ts';

/** The table in which dbt notes its runs (dbt/macros/build_state.sql): it is no model. */
export const stateTable = 'build_state';

/** DuckDB's vector size: a part becomes one chunk. */
const partRows = 2_048;

/** Names as Snowflake has them. */
interface ColumnRow {
  readonly table: string;
  readonly column: string;
  readonly dataType: string;
  readonly scale: number;
}

/** Tables and views. A view's column is described like a table's. */
const columnsSql = `
  select table_name, column_name, data_type, coalesce(numeric_scale, 0) as scale
    from information_schema.columns
   where table_schema = 'GOLD'
   order by table_name, ordinal_position`;

/**
 * The tables and views of these models that the role may read. Their rows are read when they are iterated, until the signal aborts.
 * Anything else in the schema may be of any size, or a view that cannot be read any more: dbt does not drop removed models.
 */
export async function listGold(
  session: SnowflakeSession,
  models: readonly string[],
  signal: AbortSignal,
): Promise<GoldTable[]> {
  const { rows } = await session.execute({ sql: columnsSql });
  const ofModels = rows.filter((row) => models.includes(String(row['table_name']).toLowerCase()));
  const columns = ofModels.map((row) => ({
    table: String(row['table_name']),
    column: String(row['column_name']),
    dataType: String(row['data_type']),
    scale: Number(row['scale']),
  }));
  return [...Map.groupBy(columns, ({ table }) => table)].map(([table, own]) => tableOf(session, signal, table, own));
}

const tableOf = (
  session: SnowflakeSession,
  signal: AbortSignal,
  table: string,
  columns: readonly ColumnRow[],
): GoldTable => ({
  name: table.toLowerCase(),
  columns: columns.map((column) => ({ name: column.column.toLowerCase(), type: typeOf(column) })),
  async *rows() {
    const sql = `select ${columns.map(textOf).join(', ')} from gold."${table}"`;
    for await (const rows of session.readParts(sql, partRows)) {
      signal.throwIfAborted();
      yield rows.map((row) => row.map(cellOf));
    }
  },
});

/** The types of the models' contracts. An integer of Snowflake does not say how large it is. */
function typeOf({ dataType, scale }: ColumnRow): string {
  if (dataType === 'NUMBER') return scale === 0 ? 'bigint' : `decimal(38, ${scale})`;
  if (dataType === 'FLOAT') return 'double';
  if (dataType === 'BOOLEAN' || dataType === 'DATE') return dataType.toLowerCase();
  return dataType.startsWith('TIMESTAMP') ? 'timestamp' : 'varchar';
}

/**
 * Snowflake writes the text of every value, so that neither formats of the session nor types of the driver matter. Except for a
 * FLOAT: TO_VARCHAR rounds it to ten digits, and the driver has all of them.
 */
function textOf({ column, dataType }: ColumnRow): string {
  const name = `"${column}"`;
  if (dataType === 'FLOAT' || dataType === 'TEXT') return name;
  if (dataType === 'DATE') return `to_char(${name}, 'YYYY-MM-DD')`;
  if (dataType.startsWith('TIMESTAMP')) return `to_char(${name}, 'YYYY-MM-DD HH24:MI:SS.FF6')`;
  return `to_varchar(${name})`;
}

const cellOf = (value: unknown): string | null => (value === null || value === undefined ? null : String(value));
