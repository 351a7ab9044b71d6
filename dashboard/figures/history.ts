import { columnChart, rowChart } from '../charts/bars.ts';
import { type Choices, type Column, choiceOf, type Figure, numberIn } from '../figure.ts';
import { formatValue, type Unit } from '../format.ts';
import { movieColumns, movieId, movieTitle, releasedFeatures } from './columns.ts';
import { idOf } from './movie.ts';

const day = (column: string): string => `strftime(${column}, '%Y-%m-%d') as ${column}`;

/** What TMDb said about one movie, and since when. */
export const movieHistory: Figure = {
  id: 'movie-history',
  title: 'History',
  counted:
    'The newest version first. A version begins with the first answer that shows it; TMDb made the change some time before. The first one begins with the oldest answer that is kept.',
  columns: [
    { key: 'valid_from', label: 'From', unit: 'time' },
    { key: 'valid_to', label: 'To', unit: 'time' },
    { key: 'changed_columns', label: 'Changed', unit: 'text' },
    { key: 'is_deleted', label: 'Deleted', unit: 'yes or no' },
    { key: 'title', label: 'Title', unit: 'text' },
    { key: 'status', label: 'Status', unit: 'text' },
    { key: 'release_date', label: 'Release date', unit: 'text' },
    { key: 'runtime', label: 'Runtime', unit: 'minutes' },
    movieColumns.budget,
    movieColumns.revenue,
  ],
  models: ['dim_movie_history'],
  query: (choices) => ({
    sql: `select * replace (${day('release_date')}) from dim_movie_history
           where movie_id = $id order by version_number desc`,
    values: { id: idOf(choices) },
  }),
};

/** The newest days, so that the page of a movie that is asked for each day stays small. */
const shownDays = 60;

/** Votes, popularity and revenue of one movie by day. */
export const movieDaily: Figure = {
  id: 'movie-daily',
  title: 'Votes by day',
  counted: `The values of each day's last answer, for the last ${shownDays} days on which TMDb was asked.`,
  columns: [
    { key: 'answered_on', label: 'Day', unit: 'text' },
    movieColumns.votes,
    movieColumns.vote,
    movieColumns.popularity,
    movieColumns.revenue,
  ],
  models: ['fact_movie_daily'],
  query: (choices) => ({
    sql: `select * replace (${day('answered_on')}) from (
            select * from fact_movie_daily where movie_id = $id order by answered_on desc limit ${shownDays}
          ) order by answered_on`,
    values: { id: idOf(choices) },
  }),
  chart: (rows) =>
    columnChart({
      label: 'Votes by day',
      unit: 'count',
      bars: rows.map((row) => ({ name: String(row['answered_on']), value: numberIn(row, 'vote_count') })),
      shortName: (name) => name.slice(5),
    }),
  marks: (rows) => rows.map((row) => `${row['answered_on']}: ${formatValue(row['vote_count'] ?? null, 'count')} votes`),
};

/** `mover_span_days` of the dbt project. */
export const spans = ['7', '30'] as const;

const spanOf = (choices: Choices): string => choiceOf(choices, 'days', spans);

/** The movies that gained most in one column of fact_movie_daily. */
const movers = (metric: string, title: string, unit: Unit): Figure => {
  const column = (key: string, label: string): Column => ({ key, label, unit });
  return {
    id: `movers-${metric.replaceAll('_', '-')}`,
    title,
    counted: `${releasedFeatures} The gain is the difference between the last and the first known value within the days.`,
    columns: [
      { key: 'rank', label: 'Rank', unit: 'rank' },
      movieTitle,
      movieColumns.year,
      column('gain', 'Gain'),
      column('first_value', 'First value'),
      column('last_value', 'Last value'),
      { key: 'first_answered_on', label: 'First day', unit: 'text' },
      { key: 'last_answered_on', label: 'Last day', unit: 'text' },
      movieId,
    ],
    models: ['kpi_movers'],
    query: (choices) => ({
      sql: `select * replace (${day('first_answered_on')}, ${day('last_answered_on')}) from kpi_movers
             where metric = '${metric}' and span_days = $days and rank <= 10 order by rank`,
      values: { days: Number(spanOf(choices)) },
    }),
    chart: (rows) =>
      rowChart({
        label: title,
        unit,
        bars: rows.map((row) => ({ name: String(row['title']), value: numberIn(row, 'gain') })),
      }),
    marks: (rows) => rows.map((row) => `${row['rank']}. ${row['title']}: ${formatValue(row['gain'] ?? null, unit)}`),
  };
};

export const moversByVotes = movers('vote_count', 'Most new votes', 'count');
export const moversByPopularity = movers('popularity', 'Largest gain in popularity', 'score');
export const moversByRevenue = movers('revenue_usd', 'Largest gain in revenue', 'usd');
