import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A question of docs/analysis.md. */
export interface Question {
  readonly title: string;
  readonly sql: string;
  /** The table of the result, as Markdown. */
  readonly result: string;
}

/** The questions of the page. */
export function questions(): Question[] {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/analysis.md'), 'utf8');
  return page
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      title: section.split('\n')[0] ?? '',
      sql: /```sql\n(.*?)```/s.exec(section)?.[1] ?? '',
      result: (section.match(/^\|.*\|$/gm) ?? []).join('\n'),
    }));
}

/** Rows as a table in Markdown. */
export function tableOf(columns: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const body = rows.map((row) => line(columns.map((column) => cellOf(row[column]))));
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...body].join('\n');
}

/** Large numbers with separators. Years have none. */
const cellOf = (value: unknown): string =>
  Math.abs(Number(value)) >= 10_000
    ? Number(value).toLocaleString('en-US', { maximumFractionDigits: 4 })
    : String(value ?? 'unknown');
