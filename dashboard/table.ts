import type { GoldRow } from '../warehouse/gold-reader.ts';
import type { Column } from './figure.ts';
import { formatTime, formatValue, isNumeric, unknown } from './format.ts';
import { type Html, html } from './html.ts';

/** A moment, exact in the markup. */
export const timeView = (time: Date): Html => html`<time datetime="${time.toISOString()}">${formatTime(time)}</time>`;

/** A cell's content: the exact value is in the markup, the rounded one is visible. Titles may be of any script. */
export function cell(row: GoldRow, { key, unit, link }: Column): Html {
  const value = row[key] ?? null;
  const text = formatValue(value, unit);
  if (value === null || text === unknown) return html`${unknown}`;
  if (unit === 'time') return timeView(new Date(String(value)));
  if (unit !== 'text') return html`<data value="${String(value)}">${text}</data>`;
  const target = link?.(row) ?? null;
  return target === null ? html`<bdi>${text}</bdi>` : html`<a href="${target}"><bdi>${text}</bdi></a>`;
}

/** The address of a column's definition; null if there is none. */
export type DefinitionLink = (key: string) => string | null;

/** The heading of a column, which links to its definition. */
export function heading({ key, label }: Column, definitionLink: DefinitionLink): Html {
  const address = definitionLink(key);
  return address === null ? html`${label}` : html`<a href="${address}">${label}</a>`;
}

/** The class of a cell with a number. */
export const numeric = ({ unit }: Column): Html | null => (isNumeric(unit) ? html` class="number"` : null);

/** Rows as a table whose first column names the row. @param headings by column; by default, its name. */
export function rowsTable(
  columns: readonly Column[],
  rows: readonly GoldRow[],
  headings: (column: Column) => Html = (column) => html`<th scope="col"${numeric(column)}>${column.label}</th>`,
): Html {
  const visible = columns.filter(({ isHidden }) => !isHidden);
  const body = rows.map(
    (row) =>
      html`<tr>${visible.map((column, index) =>
        index === 0
          ? html`<th scope="row"${numeric(column)}>${cell(row, column)}</th>`
          : html`<td${numeric(column)}>${cell(row, column)}</td>`,
      )}</tr>`,
  );
  return html`<table class="rows"><thead><tr>${visible.map(headings)}</tr></thead><tbody>${body}</tbody></table>`;
}
