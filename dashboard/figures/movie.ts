import type { Choices, Column, Figure } from '../figure.ts';
import { movieColumns } from './columns.ts';

/** TMDb's id in the address; -1 is no movie. */
export const idOf = (choices: Choices): number => {
  const id = choices.get('id') ?? '';
  return /^\d{1,15}$/.test(id) ? Number(id) : -1;
};

const text = (key: string, label: string): Column => ({ key, label, unit: 'text' });
const flag = (key: string, label: string): Column => ({ key, label, unit: 'yes or no' });

/** The values of one movie. */
export const movieValues: Figure = {
  id: 'movie',
  title: 'Values',
  counted:
    'The values are from the newest answer of TMDb. The marts count the movie if it is a released feature, and its money if that is known.',
  columns: [
    { key: 'movie_id', label: 'Id at TMDb', unit: 'rank' },
    text('title', 'Title'),
    text('original_title', 'Original title'),
    text('original_language', 'Original language'),
    text('tagline', 'Tagline'),
    text('overview', 'Overview'),
    text('collection', 'Collection'),
    { key: 'runtime', label: 'Runtime', unit: 'minutes' },
    text('imdb_id', 'Id at IMDb'),
    text('release_date', 'Release date'),
    text('status', 'Status'),
    text('genres', 'Genres'),
    text('companies', 'Companies'),
    movieColumns.budget,
    movieColumns.revenue,
    movieColumns.profit,
    movieColumns.roi,
    movieColumns.vote,
    movieColumns.votes,
    movieColumns.popularity,
    flag('is_released_feature', 'Released feature'),
    movieColumns.isMoneyKnown,
    flag('adult', 'Adult'),
    flag('video', 'Video'),
    flag('softcore', 'Softcore'),
  ],
  models: [
    'fact_movies',
    'dim_movies',
    'dim_dates',
    'bridge_movie_genres',
    'dim_genres',
    'bridge_movie_companies',
    'dim_production_companies',
  ],
  query: (choices) => ({
    sql: `
      select movies.*, about.original_title, about.original_language, about.tagline, about.overview, about.collection,
             about.runtime, about.imdb_id, strftime(dates.full_date, '%Y-%m-%d') as release_date,
             (select string_agg(genre_name, ', ' order by position)
                from bridge_movie_genres join dim_genres using (genre_sk) where movie_id = $id) as genres,
             (select string_agg(company_name, ', ' order by position)
                from bridge_movie_companies join dim_production_companies using (company_sk)
               where movie_id = $id) as companies
        from fact_movies as movies
        left join dim_movies as about on about.movie_id = movies.movie_id
        left join dim_dates as dates on dates.date_sk = movies.date_sk
       where movies.movie_id = $id`,
    values: { id: idOf(choices) },
  }),
};

/** Where the values come from, as far as GOLD has it. */
export const movieOrigin: Figure = {
  id: 'movie-origin',
  title: 'Where the values come from',
  counted: 'All values of a movie are from one answer of TMDb. The run of dbt that read it has a number.',
  columns: [
    { key: 'answered_at', label: 'Answered by TMDb', unit: 'time' },
    { key: 'first_seen_at', label: 'First seen', unit: 'time' },
    { key: '_run_seq', label: 'Run of dbt', unit: 'rank' },
  ],
  models: ['fact_movies', 'dim_movies'],
  query: (choices) => ({
    sql: `select movies.answered_at, about.first_seen_at, movies._run_seq
            from fact_movies as movies left join dim_movies as about on about.movie_id = movies.movie_id
           where movies.movie_id = $id`,
    values: { id: idOf(choices) },
  }),
};

/** The places of one movie in the lists of the best. */
export const movieRanks: Figure = {
  id: 'movie-ranks',
  title: 'Ranks',
  counted: 'The places of this movie in kpi_top_movies, which has the best movies by each metric.',
  columns: [
    text('metric', 'Metric'),
    { key: 'rank', label: 'Rank', unit: 'rank' },
    { key: 'value', label: 'Value', unit: 'score', isHidden: true },
  ],
  models: ['kpi_top_movies'],
  query: (choices) => ({
    sql: 'select metric, rank, value from kpi_top_movies where movie_id = $id order by rank, metric',
    values: { id: idOf(choices) },
  }),
};
