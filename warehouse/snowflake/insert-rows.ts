import type { NumberedBatch } from '../numbered-batch.ts';
import type { RawTable } from '../warehouse.ts';
import { type LoadLock, mustHaveChanged } from './load-lock.ts';
import { type Cell, columnsOf, valuesOf } from './raw-tables.ts';

/** At 65,280 binds the driver would upload them to its own stage, and creating the stage commits the transaction. */
const maxBinds = 60_000;
/** Characters per request. */
const maxLength = 8_000_000;

/** Loads rows with array binds, for live micro-batches: one statement per chunk. @param prefix of the table's name. */
export async function insertRows(
  { session, transactionGuard }: LoadLock,
  table: RawTable,
  batches: readonly NumberedBatch[],
  prefix: string,
): Promise<void> {
  const columns = columnsOf(table);
  const maxRows = Math.floor(maxBinds / columns.length);
  // PARSE_JSON is refused within VALUES. 'd': the last of duplicate keys wins, as in JSON.parse.
  const selected = columns.map(({ type }, index) => {
    const column = `column${index + 1}`;
    return type === 'variant' ? `parse_json(${column}, 'd')` : type === 'varchar' ? column : `${column}::${type}`;
  });
  const sql = `
    insert into bronze.${prefix}${table} (${columns.map(({ name }) => name).join(', ')})
    select ${selected.join(', ')} from values (${columns.map(() => '?').join(', ')})
     where ${transactionGuard}`;
  for (const numbered of batches) {
    for (const binds of chunksOf(valuesOf(numbered), maxRows)) {
      const { rowsChanged } = await session.execute({ sql, binds, batch: numbered.id });
      mustHaveChanged('rows', rowsChanged, binds.length);
    }
  }
}

function* chunksOf(rows: Iterable<Cell[]>, maxRows: number): Generator<Cell[][]> {
  let chunk: Cell[][] = [];
  let length = 0;
  for (const row of rows) {
    chunk.push(row);
    length += row.reduce<number>((sum, value) => sum + String(value ?? '').length, 0);
    if (chunk.length < maxRows && length < maxLength) continue;
    yield chunk;
    [chunk, length] = [[], 0];
  }
  if (chunk.length > 0) yield chunk; // mutant: snowflake.last-chunk
}
