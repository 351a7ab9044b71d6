import { type Definitions, definitionLink } from './definitions.ts';
import type { Choices, Column, Figure, FilledFigure } from './figure.ts';
import { type Html, html } from './html.ts';
import { cell, heading, numeric, rowsTable } from './table.ts';

/** The address of a figure's rows as a file, with the choices of the page. */
function dataLink(id: string, format: 'csv' | 'json', choices: Choices): string {
  const query = choices.toString();
  return `/data/${id}.${format}${query === '' ? '' : `?${query}`}`;
}

/** Links to the rows as files, and to the definitions of the models that the figure reads. */
export function downloads({ id, title, models }: Figure, choices: Choices): Html {
  const defined = models.map((name) => html` <a href="/definitions/${name}">${name}</a>`);
  return html`<p class="downloads"><a href="${dataLink(id, 'csv', choices)}" aria-label="${title} as CSV">CSV</a> <a href="${dataLink(id, 'json', choices)}" aria-label="${title} as JSON">JSON</a> <span>Definitions:${defined}</span></p>`;
}

/** A figure: what is counted, the chart if there is one, the table, and the rows as files. @param above the chart, such as links. */
export function figureView(
  { figure, rows }: FilledFigure,
  choices: Choices,
  definitions: Definitions,
  above: Html | null = null,
): Html {
  const { id, title, counted, columns, chart, marks } = figure;
  const link = definitionLink(definitions, figure.models);
  const head = (column: Column) => html`<th scope="col"${numeric(column)}>${heading(column, link)}</th>`;
  const table = html`<div class="scroll" tabindex="0" role="region" aria-label="${title}, as a table">${rowsTable(columns, rows, head)}</div>`;
  const caption = html`<figcaption><h2>${title}</h2><p>${counted}</p></figcaption>${above}`;
  if (rows.length === 0) return html`<figure class="card" id="${id}">${caption}<p>None.</p></figure>`;
  if (!chart) return html`<figure class="card" id="${id}">${caption}${table}${downloads(figure, choices)}</figure>`;
  const read = JSON.stringify(marks?.(rows, choices) ?? []);
  return html`<figure class="card" id="${id}" data-marks="${read}">${caption}${chart(rows, choices)}<details><summary>As a table</summary>${table}</details>${downloads(figure, choices)}</figure>`;
}

/** The only row of a figure, as a list of numbers. */
export function tilesView({ figure, rows }: FilledFigure, choices: Choices, definitions: Definitions): Html {
  const { id, title, counted, columns } = figure;
  const link = definitionLink(definitions, figure.models);
  const tiles = rows.flatMap((row) =>
    columns.map((column) => html`<div><dt>${heading(column, link)}</dt><dd>${cell(row, column)}</dd></div>`),
  );
  return html`<section class="card" id="${id}" aria-label="${title}"><dl class="tiles">${tiles}</dl><p>${counted}</p>${downloads(figure, choices)}</section>`;
}

/** The only row of a figure, one value below the other. */
export function detailsView({ figure, rows }: FilledFigure, choices: Choices, definitions: Definitions): Html {
  const { id, title, counted, columns } = figure;
  const link = definitionLink(definitions, figure.models);
  const values = rows.flatMap((row) =>
    columns.map((column) => html`<dt>${heading(column, link)}</dt><dd>${cell(row, column)}</dd>`),
  );
  return html`<section class="card" id="${id}"><h2>${title}</h2><p>${counted}</p><dl class="details">${values}</dl>${downloads(figure, choices)}</section>`;
}
