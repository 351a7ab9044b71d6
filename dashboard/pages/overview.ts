import { fill } from '../figure.ts';
import { figureView, tilesView } from '../figure-view.ts';
import { metricLabel, metricNames, topMovies, totals } from '../figures/overview.ts';
import { revenueByYear } from '../figures/years.ts';
import { html } from '../html.ts';
import { choiceLinks } from '../links.ts';
import type { Page } from '../page.ts';

export const overview: Page = {
  path: '/',
  name: 'Overview',
  figures: [totals, revenueByYear, topMovies],
  render: async ({ gold, choices, definitions }) => {
    const metrics = choiceLinks({
      path: '/',
      name: 'metric',
      words: metricNames,
      label: metricLabel,
      choices,
      anchor: topMovies.id,
    });
    return {
      title: 'Overview',
      body: html`
        ${tilesView(await fill(totals, gold, choices), choices, definitions)}
        <div class="grid">
          ${figureView(await fill(revenueByYear, gold, choices), choices, definitions)}
          ${figureView(await fill(topMovies, gold, choices), choices, definitions, metrics)}
        </div>`,
    };
  },
};
