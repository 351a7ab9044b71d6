import { fill } from '../figure.ts';
import { detailsView, figureView } from '../figure-view.ts';
import { movieDaily, movieHistory } from '../figures/history.ts';
import { movieOrigin, movieRanks, movieValues } from '../figures/movie.ts';
import { html } from '../html.ts';
import type { Page } from '../page.ts';

const missing = html`<p class="card">GOLD has no movie with this id. It may be unknown, or TMDb may have deleted it.</p>`;

/** One movie, at `/movies/ID`. */
export const movie: Page = {
  path: '/movies',
  name: null,
  figures: [movieValues, movieOrigin, movieRanks, movieDaily, movieHistory],
  match: (path) => {
    const [, id] = /^\/movies\/(\d{1,15})$/.exec(path) ?? [];
    return id === undefined ? null : { id };
  },
  render: async ({ gold, choices, definitions }) => {
    const values = await fill(movieValues, gold, choices);
    const [row] = values.rows;
    if (!row) return { title: 'No such movie', body: missing, isMissing: true };
    return {
      title: String(row['title']),
      body: html`<div class="grid">${detailsView(values, choices, definitions)}
        <div>${detailsView(await fill(movieOrigin, gold, choices), choices, definitions)}
        ${figureView(await fill(movieRanks, gold, choices), choices, definitions)}
        ${figureView(await fill(movieDaily, gold, choices), choices, definitions)}</div></div>
        ${figureView(await fill(movieHistory, gold, choices), choices, definitions)}`,
    };
  },
};
