import { cellsOf, padCellsEnd, padCellsStart } from './cells.ts';
import { escapeControls } from './escape-controls.ts';

/** A cell for a reader: with thousands separators, decimals only if they matter, `-` for unknown. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value !== 'number') return String(value);
  const isLarge = Math.abs(value) >= 10_000;
  return value.toLocaleString('en-US', { maximumFractionDigits: isLarge ? 0 : 2, useGrouping: isLarge });
}

/** A row for `formatTable`, from an object: columns are named as in SQL (`pagesRead` becomes `pages_read`), times are in ISO 8601. */
export const asColumns = (value: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(value).map(([key, cell]) => [
      key.replace(/[A-Z]|\d+/g, (part) => `_${part.toLowerCase()}`),
      cell instanceof Date ? cell.toISOString() : cell,
    ]),
  );

/**
 * Rows as a text table, numbers aligned to the right; the first row's keys are the header.
 * Control characters are escaped: a title must not control the terminal.
 */
export function formatTable(rows: readonly Record<string, unknown>[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const body = rows.map((row) => columns.map((column) => escapeControls(cell(row[column]))));
  const widths = columns.map((column, index) =>
    Math.max(cellsOf(column), ...body.map((line) => cellsOf(line[index] ?? ''))),
  );
  const isNumber = columns.map((column) =>
    rows.every((row) => row[column] === null || typeof row[column] === 'number'),
  );
  const format = (line: readonly string[]) =>
    line
      .map((text, index) => (isNumber[index] ? padCellsStart : padCellsEnd)(text, widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return [columns, widths.map((width) => '-'.repeat(width)), ...body].map((line) => format(line)).join('\n');
}
