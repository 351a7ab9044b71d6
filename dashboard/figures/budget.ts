import { metricsTable, selectMetrics } from '../../schemas/metrics.ts';
import { scatterChart } from '../charts/scatter.ts';
import type { Choices, Figure } from '../figure.ts';
import { readFloors } from '../floors.ts';
import { formatValue } from '../format.ts';
import { measures, movieColumns, movieId, movieTitle, releasedFeatures } from './columns.ts';
import { moviesOfGenre } from './movies.ts';

/** More points cover each other, and make a large page. */
const mostPoints = 400;

/** The genre that a visitor chose; empty: any. */
const genreOf = (choices: Choices): string => choices.get('genre') ?? '';

/** A join that keeps the movies of the genre, and the value of its parameter. */
const ofGenre = (choices: Choices) => {
  const genre = genreOf(choices);
  if (genre === '') return { join: '', values: {} };
  return { join: `join (${moviesOfGenre}) using (movie_id)`, values: { genre } };
};

/** What that join reads. */
const genreModels = ['bridge_movie_genres', 'dim_genres'];

/** Single movies by budget and revenue. */
export const budgetAndRevenue: Figure = {
  id: 'budget-and-revenue',
  title: 'Budget and revenue of single movies',
  counted: `${releasedFeatures} Of those with a budget and a revenue, the ${mostPoints} with the most votes are shown. Dotted lines are the floors of known money; movies below the line of break-even earned less than their budget.`,
  columns: [
    movieTitle,
    movieColumns.budget,
    movieColumns.revenue,
    movieColumns.profit,
    movieColumns.roi,
    movieColumns.votes,
    movieColumns.isMoneyKnown,
    movieId,
  ],
  models: ['fact_movies', ...genreModels],
  query: (choices) => {
    const { join, values } = ofGenre(choices);
    return {
      sql: `
        select movie_id, title, budget_usd, revenue_usd, profit_usd, roi_pct, vote_count, is_money_known
          from (from fact_movies where is_released_feature and budget_usd > 0 and revenue_usd > 0) ${join}
         order by vote_count desc nulls last, movie_id
         limit ${mostPoints}`,
      values,
    };
  },
  chart: (rows) => {
    const points = rows.map((row) => ({ budget: Number(row['budget_usd']), revenue: Number(row['revenue_usd']) }));
    const losing = points.filter(({ budget, revenue }) => revenue < budget).length;
    return scatterChart({
      label: `Budget and revenue of ${points.length} movies, on logarithmic axes. ${losing} earned less than their budget. Arrow keys read the movies by votes.`,
      points,
      floors: readFloors(),
    });
  },
  marks: (rows) =>
    rows.map((row) => {
      const [budget, revenue] = [row['budget_usd'] ?? null, row['revenue_usd'] ?? null];
      return `${row['title']}: ${formatValue(budget, 'usd')} → ${formatValue(revenue, 'usd')}`;
    }),
};

/** The classes of budgets: the lower bound in millions of US dollars, and the name. */
const classes: readonly (readonly [from: number, name: string])[] = [
  [0, 'under $1 M'],
  [1, '$1 M to 10 M'],
  [10, '$10 M to 25 M'],
  [25, '$25 M to 50 M'],
  [50, '$50 M to 100 M'],
  [100, '$100 M to 200 M'],
  [200, '$200 M and more'],
];

const classOf = `case ${classes
  .toReversed()
  .map(([from], index) => `when known_budget_usd >= ${from * 1e6} then ${classes.length - index}`)
  .join(' ')} end`;

const others = [measures.lowerRoi, measures.medianRoi, measures.upperRoi, measures.overallRoi, measures.loss];

/** What a budget of each size returns. */
export const returnByBudget: Figure = {
  id: 'return-by-budget',
  title: 'Return by size of the budget',
  counted: `${releasedFeatures} Only movies with known money. A class includes its lower bound.`,
  columns: [
    { key: 'budget_class', label: 'Budget', unit: 'text' },
    { ...measures.moneyMovies, label: 'Movies' },
    ...others,
  ],
  models: [metricsTable, ...genreModels],
  query: (choices) => {
    const { join, values } = ofGenre(choices);
    return {
      sql: `
        select ([${classes.map(([, name]) => `'${name}'`).join(', ')}])[class] as budget_class,
               ${selectMetrics([measures.moneyMovies, ...others].map(({ key }) => key))}
          from (select *, ${classOf} as class from ${metricsTable} where is_money_known) ${join}
         group by class
         order by class`,
      values,
    };
  },
};
