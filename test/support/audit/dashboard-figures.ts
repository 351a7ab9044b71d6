import { countedMovie } from '../dbt/counted-movies.ts';
import type { MovieRecord } from '../dbt/warehouse-file.ts';
import { type CountedMovie, isMoneyKnown, type MartRow, marts, measures, popularityCountsSince } from './marts.ts';

/** Rows of a figure of the dashboard, as far as a document determines them. Integers are numbers. */
type FigureRows = readonly Readonly<Record<string, unknown>>[];

interface Described extends CountedMovie {
  readonly document: {
    readonly title: string;
    readonly genres: readonly Named[];
    readonly production_companies: readonly Named[];
  };
}

interface Named {
  readonly id: number;
  readonly name: string;
}

const described = (record: MovieRecord): Described => ({
  ...countedMovie(record),
  document: typeof record.body === 'string' ? JSON.parse(record.body) : record.body,
});

/** A mart has integers as texts, so that none is rounded; the dashboard has numbers. */
const asNumbers = (row: MartRow): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value,
    ]),
  );

const rowsOfMart = (table: (typeof marts)[number]['table'], movies: readonly CountedMovie[]) =>
  marts.find((mart) => mart.table === table)?.rowsOf(movies) ?? [];

/** The lower bounds of the classes of budgets, in millions of US dollars. */
const classes: readonly (readonly [from: number, name: string])[] = [
  [200, '$200 M and more'],
  [100, '$100 M to 200 M'],
  [50, '$50 M to 100 M'],
  [25, '$25 M to 50 M'],
  [10, '$10 M to 25 M'],
  [1, '$1 M to 10 M'],
  [0, 'under $1 M'],
];

/** The columns by which companies are ordered, and how many movies with known money a company needs. */
const companyOrders = {
  revenue: ['total_revenue_usd', 1],
  profit: ['total_profit_usd', 1],
  return: ['overall_roi_pct', 5],
  movies: ['movie_count', 0],
} as const;

const descending = (a: unknown, b: unknown): number => Number(b) - Number(a);

/** The figures of the dashboard by their address, computed from the documents without any SQL. */
export function dashboardFigures(records: readonly MovieRecord[]): ReadonlyMap<string, FigureRows> {
  const movies = records.map(described);
  const since = popularityCountsSince(movies);
  const features = movies.filter(({ isReleasedFeature }) => isReleasedFeature);
  const money = features.filter(isMoneyKnown);
  const figuresOf = (group: readonly CountedMovie[]) => asNumbers(measures(group, since));
  const genreNames = new Map(movies.flatMap(({ document }) => document.genres.map(({ id, name }) => [id, name])));
  const genres = rowsOfMart('kpi_genre_performance', movies).map(({ genre_id: id, ...row }) => ({
    genre_name: genreNames.get(Number(id)) ?? 'Unknown',
    ...asNumbers(row),
  }));
  const years = rowsOfMart('kpi_yearly_trends', movies).map((row) => ({
    ...asNumbers(row),
    is_complete_year: row['is_complete_year'] === 'true',
  }));
  const top = rowsOfMart('kpi_top_movies', movies).map(({ answered_at: _, ...row }) => asNumbers(row));
  const byClass = Map.groupBy(money, ({ budget }) => classes.find(([from]) => Number(budget) >= from * 1e6)?.[1]);
  const byCompany = Map.groupBy(
    features.flatMap((movie) =>
      [...new Set(movie.document.production_companies.map(({ id }) => id))].map((id) => ({ id, movie })),
    ),
    ({ id }) => id,
  );
  const companies = [...byCompany].map(
    ([id, own]) => ({ company_id: id, ...figuresOf(own.map(({ movie }) => movie)) }) as Record<string, unknown>,
  );
  const best = ([key, fewest]: readonly [string, number]) =>
    companies
      .filter((row) => Number(row['money_movie_count']) >= fewest)
      .toSorted((a, b) => descending(a[key], b[key]) || descending(b['company_id'], a['company_id']))
      .slice(0, 30);
  const listed = (own: readonly Described[]) =>
    own.map(({ movieId, document, budget, revenue, voteAverage, voteCount, popularity }) => ({
      ...{ movie_id: movieId, title: document.title, budget_usd: budget && Number(budget) },
      ...{ revenue_usd: revenue && Number(revenue), vote_average: voteAverage, vote_count: voteCount, popularity },
    }));
  const byVotes = (a: Described, b: Described) => descending(a.voteCount, b.voteCount) || a.movieId - b.movieId;
  const withMoney = features.filter(({ budget, revenue }) => budget !== null && revenue !== null).toSorted(byVotes);
  return new Map<string, FigureRows>([
    ['totals', [figuresOf(features)]],
    [
      'return-by-budget',
      classes.toReversed().flatMap(([, name]) => {
        const own = byClass.get(name);
        return own ? [{ budget_class: name, ...figuresOf(own) }] : [];
      }),
    ],
    ...['genres', 'return-by-genre', 'revenue-by-genre'].map((id) => [id, genres] as const),
    ...['years', 'revenue-by-year', 'return-by-year', 'movies-by-year'].map((id) => [id, years] as const),
    ...['revenue', 'profit', 'roi', 'rating', 'popularity'].map(
      (metric) =>
        [
          `top-movies?metric=${metric}`,
          top.filter((row) => row['metric'] === metric && Number(row['rank']) <= 10),
        ] as const,
    ),
    ...Object.entries(companyOrders).map(([order, key]) => [`companies?order=${order}`, best(key)] as const),
    ['budget-and-revenue', listed(withMoney.slice(0, 400))],
    ['movies?sort=vote_count', listed(features.toSorted(byVotes).slice(0, 25))],
    ...features.slice(0, 5).map((movie) => [`movie?id=${movie.movieId}`, listed([movie])] as const),
  ]);
}
