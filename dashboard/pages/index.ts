import { companies, companyOrderLabel, companyOrders } from '../figures/companies.ts';
import { genres, returnByGenre, revenueByGenre } from '../figures/genres.ts';
import { moversByPopularity, moversByRevenue, moversByVotes, spans } from '../figures/history.ts';
import { moviesByYear, returnByYear, years } from '../figures/years.ts';
import { choiceLinks } from '../links.ts';
import type { Page } from '../page.ts';
import { budget } from './budget.ts';
import { figuresPage } from './figures-page.ts';
import { movie } from './movie.ts';
import { movies } from './movies.ts';
import { overview } from './overview.ts';

/** The pages with figures of GOLD, in the order of the navigation. */
export const pages: readonly Page[] = [
  overview,
  figuresPage({ path: '/genres', name: 'Genres', charts: [returnByGenre, revenueByGenre], tables: [genres] }),
  figuresPage({ path: '/years', name: 'Years', charts: [returnByYear, moviesByYear], tables: [years] }),
  figuresPage({
    path: '/companies',
    name: 'Companies',
    charts: [],
    tables: [companies],
    above: ({ id }, { choices }) =>
      choiceLinks({
        ...{ path: '/companies', name: 'order', words: companyOrders, label: companyOrderLabel, choices, anchor: id },
      }),
  }),
  budget,
  figuresPage({
    path: '/movers',
    name: 'Movers',
    charts: [moversByVotes, moversByPopularity, moversByRevenue],
    tables: [],
    above: ({ id }, { choices }) =>
      choiceLinks({
        ...{ path: '/movers', name: 'days', words: spans, label: (days) => `${days} days`, choices, anchor: id },
      }),
  }),
  movies,
  movie,
];
