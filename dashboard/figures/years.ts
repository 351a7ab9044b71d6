import type { GoldRow } from '../../warehouse/gold-reader.ts';
import { columnChart } from '../charts/bars.ts';
import { type Column, type Figure, numberIn } from '../figure.ts';
import { formatValue, isNumeric } from '../format.ts';
import { knownMoney, measures, releasedFeatures } from './columns.ts';

const year: Column = { key: 'release_year', label: 'Year', unit: 'year' };
const isComplete: Column = { key: 'is_complete_year', label: 'Complete', unit: 'yes or no' };

const counted = `${releasedFeatures} ${knownMoney} Movies without a known release date are in no year. Amounts are not adjusted for inflation. A year is complete if TMDb has sent an answer after its end.`;

/** Every year, because a gap in the axis would look like a neighboring year. */
const gaps = (rows: readonly GoldRow[]): readonly (GoldRow | number)[] => {
  const byYear = new Map(rows.map((row) => [Number(row['release_year']), row]));
  const [first = 0, last = -1] = [Math.min(...byYear.keys()), Math.max(...byYear.keys())];
  if (rows.length === 0) return [];
  return Array.from({ length: last - first + 1 }, (_, index) => byYear.get(first + index) ?? first + index);
};

/** A chart of one measure over the years, with the same years as its table. */
const byYear = (id: string, title: string, measure: Column, others: readonly Column[]): Figure => ({
  id,
  title,
  counted,
  columns: [year, measure, ...others, isComplete],
  models: ['kpi_yearly_trends'],
  query: () => ({ sql: 'select * from kpi_yearly_trends order by release_year' }),
  chart: (rows) =>
    columnChart({
      label: title,
      unit: measure.unit,
      bars: gaps(rows).map((row) =>
        typeof row === 'number'
          ? { name: String(row), value: null }
          : { name: String(row['release_year']), value: numberIn(row, measure.key) },
      ),
    }),
  marks: (rows) => gaps(rows).map((row) => (typeof row === 'number' ? `${row}: no movies` : readYear(row, measure))),
});

function readYear(row: GoldRow, { key, unit, label }: Column): string {
  const movies = `${formatValue(row['movie_count'] ?? null, 'count')} movies`;
  const remark = row['is_complete_year'] === false ? ' (not complete)' : '';
  return `${row['release_year']}${remark}: ${isNumeric(unit) ? formatValue(row[key] ?? null, unit) : label}, ${movies}`;
}

export const revenueByYear = byYear('revenue-by-year', 'Revenue by release year', measures.totalRevenue, [
  measures.movies,
  measures.moneyMovies,
  { key: 'total_revenue_change_pct', label: 'Change to the year before', unit: 'percent' },
]);

export const returnByYear = byYear('return-by-year', 'Median return by release year', measures.medianRoi, [
  measures.lowerRoi,
  measures.upperRoi,
  measures.overallRoi,
  measures.moneyMovies,
]);

export const moviesByYear = byYear('movies-by-year', 'Movies by release year', measures.movies, [
  { key: 'movie_count_change', label: 'Change to the year before', unit: 'count' },
  measures.averageVote,
  measures.weightedVote,
]);

/** All measures of each year. */
export const years: Figure = {
  id: 'years',
  title: 'All years',
  counted,
  columns: [
    year,
    measures.movies,
    measures.moneyMovies,
    measures.totalRevenue,
    measures.totalBudget,
    measures.totalProfit,
    measures.medianRevenue,
    measures.medianBudget,
    measures.medianRoi,
    measures.overallRoi,
    measures.loss,
    measures.averageVote,
    isComplete,
  ],
  models: ['kpi_yearly_trends'],
  query: () => ({ sql: 'select * from kpi_yearly_trends order by release_year desc' }),
};
