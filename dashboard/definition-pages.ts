import type { Metric } from '../schemas/metrics.ts';
import { metricsTable } from '../schemas/metrics.ts';
import { type Definitions, type Model, type ModelColumn, metricsPath } from './definitions.ts';
import { type Html, html } from './html.ts';
import { inline, markdown } from './markdown.ts';

interface DefinitionPage {
  readonly title: string;
  readonly body: Html;
}

export const definitionsPath = '/definitions';

/** The page of an address at or below `/definitions`; undefined if there is none. */
export function definitionPage(path: string, definitions: Definitions): DefinitionPage | undefined {
  if (path === definitionsPath) return { title: 'Definitions', body: overviewPage(definitions) };
  if (path === metricsPath) return { title: 'Metrics', body: metricsPage(definitions) };
  const [, name = ''] = /^\/definitions\/(\w+)$/.exec(path) ?? [];
  const model = definitions.models.get(name);
  return model && { title: model.name, body: modelPage(model, definitions) };
}

const modelLink = (name: string): Html => html`<a href="/definitions/${name}"><code>${name}</code></a>`;

const region = (label: string, table: Html): Html =>
  html`<div class="wide-table" tabindex="0" role="region" aria-label="${label}, as a table">${table}</div>`;

const headings = (names: readonly string[]): Html =>
  html`<thead><tr>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>`;

function overviewPage({ overview, models, tests, exposures }: Definitions): Html {
  const all = [...models.values()];
  const list = (title: string, layer: Model['layer']) => {
    const rows = all
      .filter((model) => model.layer === layer)
      .map(
        ({ name, grain, owner }) =>
          html`<tr><th scope="row">${modelLink(name)}</th><td>${inline(grain)}</td><td>${owner}</td></tr>`,
      );
    return html`<section class="card" id="${layer}"><h2>${title}</h2>
      ${region(title, html`<table>${headings(['Model', 'Grain', 'Owner'])}<tbody>${rows}</tbody></table>`)}</section>`;
  };
  return html`<p><a href="${metricsPath}">Metrics</a>: how each figure is computed.</p>
    ${list('Models of GOLD', 'gold')}${list('Models of SILVER', 'silver')}
    <section class="card prose"><h2>Who reads GOLD</h2><dl>${exposures.map(
      ({ label, description, owner }) =>
        html`<dt>${label}</dt><dd>${markdown(description)}<p>Owner: ${owner}.</p></dd>`,
    )}</dl></section>
    <section class="card prose"><h2>Tests of several models</h2><dl>${tests.map(
      ({ name, description }) => html`<dt><code>${name}</code></dt><dd>${markdown(description)}</dd>`,
    )}</dl></section>
    <section class="card prose">${markdown(overview)}</section>`;
}

function metricsPage({ metrics, models }: Definitions): Html {
  const columnsOf = (name: string) =>
    [...models.values()].filter((model) => model.columns.some((column) => column.name === name));
  return html`<section class="card prose"><p>Each metric is an aggregate over ${modelLink(metricsTable)}, which has one row per
    released feature. KPI tables and charts use the same expressions.</p></section>
    ${[...metrics.values()].map((metric) => metricView(metric, columnsOf(metric.name)))}`;
}

const metricView = ({ name, label, unit, sql, description }: Metric, models: readonly Model[]): Html =>
  html`<section class="card prose" id="${name}"><h2>${label}</h2>
    <p><code>${name}</code>, in ${unit}</p>${markdown(description)}
    <pre><code>${sql}</code></pre><p>A column of: ${models.map((model, index) => html`${index > 0 ? ', ' : ''}${modelLink(model.name)}`)}</p></section>`;

function modelPage(model: Model, definitions: Definitions): Html {
  const { name, layer, grain, description, owner, columns, tests, unitTests, exposures } = model;
  const facts = [
    ['Grain', html`${inline(grain)}`],
    ['Schema', html`<a href="${definitionsPath}#${layer}">${layer}</a>`],
    ['Owner', html`${owner}`],
    ['Read by', html`${exposures.join(', ') || '–'}`],
  ] as const;
  const hasTypes = columns.some(({ type }) => type !== null);
  const table = html`<table>${headings(['Column', ...(hasTypes ? ['Type'] : []), 'Description', 'Tests'])}<tbody>${columns.map(
    (column) => columnRow(column, hasTypes, definitions),
  )}</tbody></table>`;
  return html`<section class="card"><dl class="details">${facts.map(
    ([title, value]) => html`<dt>${title}</dt><dd>${value}</dd>`,
  )}</dl>${markdown(description)}</section>
    <section class="card"><h2>Columns</h2>${region(`Columns of ${name}`, table)}</section>
    ${tests.length > 0 && html`<section class="card prose"><h2>Tests</h2><ul>${tests.map((test) => html`<li>${inline(test)}</li>`)}</ul></section>`}
    ${unitTests.length > 0 && html`<section class="card prose"><h2>Tested examples</h2><ul>${unitTests.map(exampleView)}</ul></section>`}`;
}

const exampleView = ({ name, description }: Model['unitTests'][number]): Html =>
  html`<li>${name.replaceAll('_', ' ')}${description !== null && html`: ${inline(description)}`}</li>`;

/** A metric's column links to the expression. */
function columnRow({ name, type, description, tests }: ModelColumn, hasTypes: boolean, { metrics }: Definitions): Html {
  const code = html`<code>${name}</code>`;
  const shown = metrics.has(name) ? html`<a href="${metricsPath}#${name}">${code}</a>` : code;
  return html`<tr id="${name}"><th scope="row">${shown}</th>${hasTypes && html`<td>${type ?? '–'}</td>`}<td>${markdown(description)}</td>
    <td>${tests.map((test) => html`<p>${inline(test)}</p>`)}</td></tr>`;
}
