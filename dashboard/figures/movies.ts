import type { GoldSnapshot } from '../../warehouse/gold-reader.ts';
import { type Choices, type Column, choiceOf, type Figure, type Query } from '../figure.ts';
import { movieColumns, movieId, movieTitle } from './columns.ts';

/** Rows of a page of the list. */
const moviesPerPage = 25;

/** The last page that can be shown: a later one would sort the whole catalog. Filters find the rest. */
const lastPage = 400;

/** The columns by which the list can be sorted: the choice, the expression, and whether the first order is upwards. */
export const sorts: Readonly<Record<string, { readonly by: string; readonly isUpward?: true }>> = {
  popularity: { by: 'popularity' },
  title: { by: 'title', isUpward: true },
  release_year: { by: 'nullif(date_sk, -1)' },
  revenue_usd: { by: 'revenue_usd' },
  budget_usd: { by: 'budget_usd' },
  roi_pct: { by: 'roi_pct' },
  vote_average: { by: 'vote_average' },
  vote_count: { by: 'vote_count' },
};

const sortNames = Object.keys(sorts) as [string, ...string[]];

/** Which movies the list has. */
export const kinds = { features: 'Released features', all: 'All movies' } as const;
export const kindNames = Object.keys(kinds) as [keyof typeof kinds, ...(keyof typeof kinds)[]];

/** What a visitor chose for the list, with the defaults. */
export interface MovieChoices {
  /** A part of the title. */
  readonly search: string;
  /** The name of a genre; empty: any. */
  readonly genre: string;
  readonly kind: keyof typeof kinds;
  readonly sort: string;
  readonly isUpward: boolean;
  /** From 1. */
  readonly page: number;
}

export function movieChoices(choices: Choices): MovieChoices {
  const sort = choiceOf(choices, 'sort', sortNames);
  const page = Number(choices.get('page') ?? 1);
  return {
    search: (choices.get('search') ?? '').trim().slice(0, 100),
    genre: choices.get('genre') ?? '',
    kind: choiceOf(choices, 'kind', kindNames),
    sort,
    isUpward: choiceOf(choices, 'order', sorts[sort]?.isUpward ? ['up', 'down'] : ['down', 'up']) === 'up',
    page: Number.isInteger(page) ? Math.min(lastPage, Math.max(1, page)) : 1,
  };
}

/** Selects the movies of the genre `$genre`. A movie has a genre once. */
export const moviesOfGenre = `select movie_id from bridge_movie_genres
  where genre_sk in (select genre_sk from dim_genres where genre_name = $genre)`;

/** The condition of the list, with its values. Letters match without regard to case and accents. */
function filterOf({ search, genre, kind }: MovieChoices): {
  readonly where: string;
  readonly values: Record<string, string>;
} {
  const conditions = [
    ...(kind === 'features' ? ['is_released_feature'] : []),
    ...(search === '' ? [] : ['contains(lower(strip_accents(title)), lower(strip_accents($search)))']),
    ...(genre === '' ? [] : [`movie_id in (${moviesOfGenre})`]),
  ];
  return {
    where: conditions.join(' and ') || 'true',
    values: { ...(search !== '' && { search }), ...(genre !== '' && { genre }) },
  };
}

/** How many movies the list has on all its pages. */
export function movieCountQuery(choices: Choices): Query {
  const { where, values } = filterOf(movieChoices(choices));
  return { sql: `select count(*) as movies from fact_movies where ${where}`, values };
}

/** The number of pages for a number of movies. */
export const pageCount = (movies: number): number => Math.min(lastPage, Math.max(1, Math.ceil(movies / moviesPerPage)));

const genre: Column = { key: 'genre_name', label: 'First genre', unit: 'text' };

export const movieList: Figure = {
  id: 'movies',
  title: 'Movies',
  counted: 'Every movie has one row. Amounts are as TMDb has them; the marts count only those with known money.',
  columns: [
    movieTitle,
    movieColumns.year,
    genre,
    movieColumns.budget,
    movieColumns.revenue,
    movieColumns.roi,
    movieColumns.vote,
    movieColumns.votes,
    movieColumns.popularity,
    movieColumns.isMoneyKnown,
    movieId,
  ],
  models: ['fact_movies', 'dim_genres', 'dim_dates', 'bridge_movie_genres'],
  query: (choices) => {
    const chosen = movieChoices(choices);
    const { where, values } = filterOf(chosen);
    const direction = `${chosen.isUpward ? 'asc' : 'desc'} nulls last`;
    return {
      // Sorts only what it needs: the other columns are joined for the rows of the page.
      sql: `
        with places as (
          select movie_id, ${sorts[chosen.sort]?.by} as sorted_by
            from fact_movies
           where ${where}
           order by sorted_by ${direction}, movie_id
           limit ${moviesPerPage} offset ${(chosen.page - 1) * moviesPerPage})
        select movies.*, dates.year as release_year, genres.genre_name
          from places
          join fact_movies as movies using (movie_id)
          left join dim_dates as dates on dates.date_sk = movies.date_sk
          left join dim_genres as genres on genres.genre_sk = movies.genre_sk
         order by places.sorted_by ${direction}, movies.movie_id`,
      values,
    };
  },
};

/** The names of the genres, for the choice of one. */
export async function genreNames(gold: GoldSnapshot): Promise<string[]> {
  const rows = await gold.query('select genre_name from dim_genres order by genre_id = -1, genre_name');
  return rows.map((row) => String(row['genre_name']));
}
