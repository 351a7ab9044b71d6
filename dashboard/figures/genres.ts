import { rowChart } from '../charts/bars.ts';
import { type Column, type Figure, numberIn } from '../figure.ts';
import { formatValue } from '../format.ts';
import { knownMoney, measures, releasedFeatures } from './columns.ts';

const genre: Column = { key: 'genre_name', label: 'Genre', unit: 'text' };

const counted = `${releasedFeatures} A movie counts under each of its genres, so the rows do not add up. ${knownMoney}`;

/** A chart of one measure, the highest genre first. Genres without a value are in the table only. */
const byGenre = (id: string, title: string, measure: Column, others: readonly Column[]): Figure => ({
  id,
  title,
  counted,
  columns: [genre, measure, ...others],
  models: ['kpi_genre_performance'],
  query: () => ({
    sql: `select * from kpi_genre_performance where ${measure.key} is not null order by ${measure.key} desc, genre_name`,
  }),
  chart: (rows) =>
    rowChart({
      label: title,
      unit: measure.unit,
      bars: rows.map((row) => ({ name: String(row['genre_name']), value: numberIn(row, measure.key) })),
    }),
  marks: (rows) =>
    rows.map((row) => {
      const value = formatValue(row[measure.key] ?? null, measure.unit);
      return `${row['genre_name']}: ${value}, ${formatValue(row['money_movie_count'] ?? null, 'count')} movies with known money`;
    }),
});

export const returnByGenre = byGenre('return-by-genre', 'Median return by genre', measures.medianRoi, [
  measures.lowerRoi,
  measures.upperRoi,
  measures.overallRoi,
  measures.moneyMovies,
]);

export const revenueByGenre = byGenre('revenue-by-genre', 'Median revenue by genre', measures.medianRevenue, [
  measures.totalRevenue,
  measures.moneyMovies,
]);

/** All measures of each genre. */
export const genres: Figure = {
  id: 'genres',
  title: 'All genres',
  counted,
  columns: [
    genre,
    measures.movies,
    measures.moneyMovies,
    measures.totalRevenue,
    measures.totalProfit,
    measures.medianRevenue,
    measures.medianBudget,
    measures.medianRoi,
    measures.overallRoi,
    measures.loss,
    measures.averageVote,
    measures.weightedVote,
  ],
  models: ['kpi_genre_performance'],
  query: () => ({ sql: 'select * from kpi_genre_performance order by movie_count desc, genre_name' }),
};
