import { fill } from '../figure.ts';
import { figureView } from '../figure-view.ts';
import { budgetAndRevenue, returnByBudget } from '../figures/budget.ts';
import { genreNames } from '../figures/movies.ts';
import { genreField } from '../forms.ts';
import { html } from '../html.ts';
import type { Page } from '../page.ts';

const path = '/budget';

export const budget: Page = {
  path,
  name: 'Budget and revenue',
  figures: [budgetAndRevenue, returnByBudget],
  render: async ({ gold, choices, definitions }) => {
    const genres = await genreNames(gold);
    const form = html`<form action="${path}" method="get">${genreField(genres, choices.get('genre') ?? '')}<button>Show</button></form>`;
    return {
      title: 'Budget and revenue',
      body: html`${form}
        ${figureView(await fill(budgetAndRevenue, gold, choices), choices, definitions)}
        ${figureView(await fill(returnByBudget, gold, choices), choices, definitions)}`,
    };
  },
};
