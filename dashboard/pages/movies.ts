import { type Choices, type Column, type FilledFigure, fill } from '../figure.ts';
import { downloads } from '../figure-view.ts';
import {
  genreNames,
  kindNames,
  kinds,
  type MovieChoices,
  movieChoices,
  movieCountQuery,
  movieList,
  pageCount,
  sorts,
} from '../figures/movies.ts';
import { formatValue, isNumeric } from '../format.ts';
import { genreField, selectField } from '../forms.ts';
import { type Html, html } from '../html.ts';
import { addressOf } from '../links.ts';
import type { Page } from '../page.ts';
import { rowsTable } from '../table.ts';

const path = '/movies';

export const movies: Page = {
  path,
  name: 'Movies',
  figures: [movieList],
  render: async ({ gold, choices }) => {
    const chosen = movieChoices(choices);
    const genres = await genreNames(gold);
    const { sql, values } = movieCountQuery(choices);
    const [row] = await gold.query(sql, values);
    const count = Number(row?.['movies'] ?? 0);
    const filled = await fill(movieList, gold, choices);
    return {
      title: 'Movies',
      body: html`<section class="card" id="${movieList.id}"><p>${movieList.counted}</p>${searchForm(chosen, genres)}
        <p role="status"><data value="${count}">${formatValue(count, 'count')}</data> ${count === 1 ? 'movie' : 'movies'}</p>
        ${listView(filled, chosen, choices)}${pager(chosen, count, choices)}${downloads(movieList, choices)}</section>`,
    };
  },
};

/** It keeps the order, and begins at the first page. */
const searchForm = ({ search, genre, kind, sort, isUpward }: MovieChoices, genres: readonly string[]): Html => {
  const options = kindNames.map((name) => ({ value: name, label: kinds[name] }));
  return html`<form action="${path}" method="get" role="search">
    <label>Title<input type="search" name="search" value="${search}" maxlength="100" dir="auto"></label>
    ${genreField(genres, genre)}${selectField('kind', 'Which', options, kind)}
    <input type="hidden" name="sort" value="${sort}"><input type="hidden" name="order" value="${isUpward ? 'up' : 'down'}">
    <button>Search</button></form>`;
};

/** The list; a heading sorts by its column, and a second time in the other direction. */
function listView({ figure, rows }: FilledFigure, chosen: MovieChoices, choices: Choices): Html {
  if (rows.length === 0) return html`<p>No movie matches.</p>`;
  const heading = ({ key, label, unit }: Column): Html => {
    const numeric = isNumeric(unit) && html` class="number"`;
    const sort = sorts[key];
    if (!sort) return html`<th scope="col"${numeric}>${label}</th>`;
    const isCurrent = chosen.sort === key;
    const isUpward = isCurrent ? !chosen.isUpward : sort.isUpward === true;
    const address = addressOf(path, choices, { sort: key, order: isUpward ? 'up' : 'down', page: null });
    const current = isCurrent && html` aria-sort="${chosen.isUpward ? 'ascending' : 'descending'}"`;
    return html`<th scope="col"${numeric}${current}><a href="${address}">${label}</a></th>`;
  };
  const table = rowsTable(figure.columns, rows, heading);
  return html`<div class="wide-table" tabindex="0" role="region" aria-label="Movies, as a table">${table}</div>`;
}

function pager({ page }: MovieChoices, count: number, choices: Choices): Html {
  const last = pageCount(count);
  const link = (to: number, text: string, relation: string) =>
    html`<a href="${addressOf(path, choices, { page: String(to) })}" rel="${relation}">${text}</a>`;
  return html`<nav class="pager" aria-label="Pages of the list"><span>${page > 1 && link(page - 1, '← Previous', 'prev')}</span>
    <span>Page ${page} of ${last}</span><span>${page < last && link(page + 1, 'Next →', 'next')}</span></nav>`;
}
