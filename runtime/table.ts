import { cellsOf, cutToCells, padCellsEnd, padCellsStart } from './cells.ts';
import { escapeControls } from './escape-controls.ts';
import { screenWidth, wrapText } from './screen.ts';

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

interface Column {
  readonly name: string;
  readonly cells: readonly string[];
  readonly isNumber: boolean;
  readonly width: number;
}

const gap = '  ';
/** A column of texts is not cut below this width. */
const leastWidth = 12;

/**
 * Rows as a text table, numbers aligned to the right; the first row's keys are the header. Control characters are escaped: a title
 * must not control the terminal. If the table is wider than `width`, its widest texts are cut; if that is not enough, each cell gets a line.
 * @param width columns of the screen. @default those of the terminal; no limit in a file or a pipe
 */
export function formatTable(rows: readonly Record<string, unknown>[], width = screenWidth()): string {
  const columns = columnsOf(rows);
  const fitting = narrowed(columns, width);
  return widthOf(fitting) <= width ? asTable(fitting) : asRecords(columns, width);
}

const columnsOf = (rows: readonly Record<string, unknown>[]): Column[] =>
  Object.keys(rows[0] ?? {}).map((name) => {
    const cells = rows.map((row) => escapeControls(cell(row[name])));
    const isNumber = rows.every((row) => row[name] === null || typeof row[name] === 'number');
    return { name, cells, isNumber, width: Math.max(cellsOf(name), ...cells.map(cellsOf)) };
  });

const widthOf = (columns: readonly Column[]): number =>
  columns.reduce((sum, { width }) => sum + width, gap.length * (columns.length - 1));

/** The same columns, the widest texts cut until they fit or none can be cut any more. */
function narrowed(columns: readonly Column[], width: number): readonly Column[] {
  const excess = widthOf(columns) - width;
  const widest = columns
    .filter((column) => !column.isNumber && column.width > Math.max(leastWidth, cellsOf(column.name)))
    .toSorted((a, b) => b.width - a.width)[0];
  if (excess <= 0 || !widest) return columns;
  const to = Math.max(leastWidth, cellsOf(widest.name), widest.width - excess);
  const cut = (text: string) => (cellsOf(text) <= to ? text : `${cutToCells(text, to - 1)}…`);
  const narrower = { ...widest, width: to, cells: widest.cells.map(cut) };
  return narrowed(
    columns.map((column) => (column === widest ? narrower : column)),
    width,
  );
}

function asTable(columns: readonly Column[]): string {
  const line = (textOf: (column: Column) => string) =>
    columns
      .map((column) => (column.isNumber ? padCellsStart : padCellsEnd)(textOf(column), column.width))
      .join(gap)
      .trimEnd();
  const body = (columns[0]?.cells ?? []).map((_, row) => line(({ cells }) => cells[row] ?? ''));
  return [line(({ name }) => name), line(({ width }) => '-'.repeat(width)), ...body].join('\n');
}

/** One line for each cell, an empty one between rows. A word that is too long to be aligned follows its name at once. */
function asRecords(columns: readonly Column[], width: number): string {
  const longest = Math.max(...columns.map(({ name }) => cellsOf(name)));
  const labelled = (name: string, text: string) => {
    const aligned = `${padCellsEnd(name, longest)}${gap}${text}`;
    return cellsOf(aligned) <= width || text.includes(' ') ? aligned : `${name}${gap}${text}`;
  };
  const records = (columns[0]?.cells ?? []).map((_, row) =>
    columns.map(({ name, cells }) => labelled(name, cells[row] ?? '')).join('\n'),
  );
  return wrapText(records.join('\n\n'), width);
}
