import { metricsTable, selectMetrics } from '../../schemas/metrics.ts';
import { rowChart } from '../charts/bars.ts';
import { type Choices, type Column, choiceOf, type Figure, numberIn } from '../figure.ts';
import { formatValue, type Unit } from '../format.ts';
import { knownMoney, measures, movieColumns, movieId, movieTitle, releasedFeatures } from './columns.ts';

const shown = [
  measures.movies,
  measures.moneyMovies,
  measures.totalRevenue,
  measures.overallRoi,
  measures.medianRoi,
  measures.loss,
  measures.weightedVote,
];

/** The catalog in a few numbers. */
export const totals: Figure = {
  id: 'totals',
  title: 'In total',
  counted: `${releasedFeatures} ${knownMoney}`,
  columns: shown,
  models: [metricsTable],
  query: () => ({ sql: `select ${selectMetrics(shown.map(({ key }) => key))} from ${metricsTable}` }),
};

/** The metrics of `kpi_top_movies`, and how their values are written. */
const metrics: Readonly<Record<string, { readonly label: string; readonly unit: Unit }>> = {
  revenue: { label: 'Revenue', unit: 'usd' },
  profit: { label: 'Profit', unit: 'usd' },
  roi: { label: 'Return', unit: 'percent' },
  rating: { label: 'Rating', unit: 'vote' },
  popularity: { label: 'Popularity', unit: 'score' },
};

export const metricNames = Object.keys(metrics) as [string, ...string[]];

export const metricLabel = (name: string): string => metrics[name]?.label ?? name;

const chosenMetric = (choices: Choices): string => choiceOf(choices, 'metric', metricNames);

const unitOf = (choices: Choices): Unit => metrics[chosenMetric(choices)]?.unit ?? 'score';

/** The table writes a value in the unit of its metric, which a column cannot know. */
const valueColumn: Column = { key: 'value', label: 'Value', unit: 'score', isHidden: true };

export const topMovies: Figure = {
  id: 'top-movies',
  title: 'Top ten movies',
  counted: `${releasedFeatures} Lists by money rank movies with known money; the list by rating needs enough votes; the list by popularity needs a recent answer.`,
  columns: [
    { key: 'rank', label: 'Rank', unit: 'rank' },
    movieTitle,
    movieColumns.year,
    movieColumns.revenue,
    movieColumns.budget,
    movieColumns.profit,
    movieColumns.roi,
    movieColumns.vote,
    movieColumns.votes,
    movieColumns.popularity,
    { key: 'metric', label: 'Metric', unit: 'text', isHidden: true },
    valueColumn,
    movieId,
  ],
  models: ['kpi_top_movies'],
  query: (choices) => ({
    sql: 'select * from kpi_top_movies where metric = $metric and rank <= 10 order by rank',
    values: { metric: chosenMetric(choices) },
  }),
  chart: (rows, choices) =>
    rowChart({
      label: `Top movies by ${chosenMetric(choices)}`,
      unit: unitOf(choices),
      bars: rows.map((row) => ({ name: String(row['title']), value: numberIn(row, 'value') })),
    }),
  marks: (rows, choices) =>
    rows.map((row) => `${row['rank']}. ${row['title']}: ${formatValue(row['value'] ?? null, unitOf(choices))}`),
};
