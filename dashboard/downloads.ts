import type { Answer } from './answer.ts';
import { csvFile } from './csv.ts';
import type { FilledFigure } from './figure.ts';

/** The rows of a figure as a CSV file: one column for each column of the figure, with exact values. */
export const csvAnswer = ({ figure: { id, columns }, rows }: FilledFigure): Answer => ({
  status: 200,
  type: 'text/csv; charset=utf-8; header=present',
  fileName: `${id}.csv`,
  body: csvFile(
    columns.map(({ key }) => key),
    rows.map((row) => columns.map(({ key }) => row[key] ?? null)),
  ),
});

/** The same rows as JSON, with what they count and when GOLD was published. */
export const jsonAnswer = (
  { figure: { id, title, counted, columns }, rows }: FilledFigure,
  publishedAt: Date,
): Answer => ({
  status: 200,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify({
    ...{ id, title, counted, publishedAt },
    columns: columns.map(({ key, label, unit }) => ({ key, label, unit })),
    rows: rows.map((row) => Object.fromEntries(columns.map(({ key }) => [key, row[key] ?? null]))),
  }),
});
