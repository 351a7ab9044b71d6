/** A movie of TMDb, from its newest document: read by the rules of SILVER, without any SQL. */
export interface CountedMovie {
  readonly movieId: number;
  /** When TMDb gave the document, in microseconds since 1970. */
  readonly answeredAt: bigint;
  readonly genreIds: readonly number[];
  readonly isReleasedFeature: boolean;
  readonly budget: bigint | null;
  readonly revenue: bigint | null;
  readonly voteAverage: number | null;
  readonly voteCount: number | null;
  readonly popularity: number | null;
  readonly releaseYear: number | null;
}

/** A row of a mart: integers as text, so that none is rounded, and fractions as numbers. */
export type MartRow = Readonly<Record<string, string | number | null>>;

const floors = { budget: 100_000n, revenue: 100_000n, votes: 50, ratingVotes: 300 };
const moneyCeiling = 100_000_000_000n;
const ranksKept = 100;
const popularityMaxAge = 7n * 86_400_000_000n;

/** The one definition of known money: all three floors hold, and neither amount is above the ceiling. */
export const isMoneyKnown = ({ budget, revenue, voteCount }: CountedMovie): boolean => {
  const [cost, income] = [budget ?? 0n, revenue ?? 0n];
  const isHighEnough = cost >= floors.budget && income >= floors.revenue && (voteCount ?? 0) >= floors.votes;
  return isHighEnough && cost <= moneyCeiling && income <= moneyCeiling;
};

const profitOf = ({ budget, revenue }: CountedMovie): bigint => (revenue ?? 0n) - (budget ?? 0n);
const roiOf = (movie: CountedMovie): number => (Number(profitOf(movie)) * 100) / Number(movie.budget);

/** Half away from zero, as both warehouses round. */
function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return (Math.sign(value) * Math.round(Math.abs(value) * factor)) / factor;
}

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);
const present = <T>(values: readonly (T | null)[]): T[] => values.flatMap((value) => (value === null ? [] : [value]));

/** The mean of fractions, computed with integers of 10^-scale, so that the order of the rows does not matter. */
function exactMean(values: readonly number[], scale: number, digits: number): number | null {
  if (values.length === 0) return null;
  const factor = 10 ** scale;
  const total = sum(values.map((value) => BigInt(Math.round(value * factor))));
  return round(Number(total) / factor / values.length, digits);
}

function quantile(values: readonly number[], fraction: number, digits: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const place = fraction * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (low === undefined || high === undefined) return null;
  return round(low + (high - low) * (place - Math.floor(place)), digits);
}

const quartiles = (name: string, values: readonly number[], digits: number): MartRow => ({
  [`lower_quartile_${name}`]: quantile(values, 0.25, digits),
  [`median_${name}`]: quantile(values, 0.5, digits),
  [`upper_quartile_${name}`]: quantile(values, 0.75, digits),
});

function amounts(name: string, values: readonly bigint[]): MartRow {
  const numbers = values.map(Number);
  return {
    [`total_${name}`]: values.length > 0 ? String(sum(values)) : null,
    [`average_${name}`]: values.length > 0 ? round(Number(sum(values)) / values.length, 2) : null,
    ...quartiles(name, numbers, 2),
  };
}

function votes(movies: readonly CountedMovie[]): MartRow {
  const rated = movies.filter(({ voteAverage }) => voteAverage !== null);
  const thousandths = ({ voteAverage }: CountedMovie) => BigInt(Math.round((voteAverage ?? 0) * 1_000));
  const weighted = sum(rated.map((movie) => thousandths(movie) * BigInt(movie.voteCount ?? 0)));
  const cast = sum(rated.map(({ voteCount }) => BigInt(voteCount ?? 0)));
  const averages = present(rated.map(({ voteAverage }) => voteAverage));
  const counts = present(movies.map(({ voteCount }) => voteCount));
  return {
    average_vote: exactMean(averages, 3, 4),
    median_vote: quantile(averages, 0.5, 4),
    weighted_vote: cast > 0n ? round(Number(weighted) / 1_000 / Number(cast), 4) : null,
    total_vote_count: counts.length > 0 ? String(sum(counts.map(BigInt))) : null,
  };
}

/** The figures of one row of kpi_genre_performance or kpi_yearly_trends. */
export function measures(movies: readonly CountedMovie[], currentSince: bigint): MartRow {
  const money = movies.filter(isMoneyKnown);
  const rois = money.map(roiOf);
  const [profit, budget] = [sum(money.map(profitOf)), sum(present(money.map((movie) => movie.budget)))];
  const popular = movies.filter(({ answeredAt }) => answeredAt >= currentSince);
  const popularities = present(popular.map(({ popularity }) => popularity));
  return {
    movie_count: String(movies.length),
    money_movie_count: String(money.length),
    ...amounts('revenue_usd', present(money.map(({ revenue }) => revenue))),
    ...amounts('budget_usd', present(money.map((movie) => movie.budget))),
    ...amounts('profit_usd', money.map(profitOf)),
    average_roi_pct: exactMean(rois, 6, 4),
    ...quartiles('roi_pct', rois, 4),
    overall_roi_pct: money.length > 0 ? round((Number(profit) * 100) / Number(budget), 4) : null,
    loss_pct:
      money.length > 0 ? round((money.filter((movie) => profitOf(movie) < 0n).length * 100) / money.length, 4) : null,
    ...votes(movies),
    popularity_movie_count: String(popularities.length),
    average_popularity: exactMean(popularities, 6, 4),
    median_popularity: quantile(popularities, 0.5, 6),
  };
}

function newestAnswer(movies: readonly CountedMovie[]): bigint {
  let newest = 0n;
  for (const { answeredAt } of movies) if (answeredAt > newest) newest = answeredAt;
  return newest;
}

/** The earliest answer whose popularity counts. */
export const popularityCountsSince = (movies: readonly CountedMovie[]): bigint =>
  newestAnswer(movies) - popularityMaxAge;

/** IMDb's formula, by the mean vote of all released features. */
function weightedRatings(counted: readonly CountedMovie[]): (movie: CountedMovie) => number | null {
  const mean = exactMean(present(counted.map(({ voteAverage }) => voteAverage)), 3, 4) ?? 0;
  return ({ voteAverage, voteCount }) => {
    if (voteAverage === null || voteCount === null) return null;
    const points = BigInt(Math.round(voteAverage * 1_000)) * 10n * BigInt(voteCount);
    const ofAll = BigInt(Math.round(mean * 10_000)) * BigInt(floors.ratingVotes);
    return round(Number(points + ofAll) / 10_000 / (voteCount + floors.ratingVotes), 6);
  };
}

const groupBy = (movies: readonly CountedMovie[], keysOf: (movie: CountedMovie) => readonly number[]) =>
  Map.groupBy(
    movies.flatMap((movie) => keysOf(movie).map((key) => ({ key, movie }))),
    ({ key }) => key,
  );

/** The expected gold.kpi_genre_performance of `movies`, -1 for the unknown genre. */
function genrePerformance(movies: readonly CountedMovie[]): MartRow[] {
  const since = popularityCountsSince(movies);
  const counted = movies.filter(({ isReleasedFeature }) => isReleasedFeature);
  const groups = groupBy(counted, ({ genreIds }) => (genreIds.length > 0 ? genreIds : [-1]));
  return [...groups].map(([genreId, members]) => ({
    genre_id: String(genreId),
    ...measures(
      members.map(({ movie }) => movie),
      since,
    ),
  }));
}

/** The expected gold.kpi_yearly_trends of `movies`. */
function yearlyTrends(movies: readonly CountedMovie[]): MartRow[] {
  const since = popularityCountsSince(movies);
  const newestYear = new Date(Number(newestAnswer(movies) / 1_000n)).getUTCFullYear();
  const counted = movies.filter(({ isReleasedFeature }) => isReleasedFeature);
  const groups = groupBy(counted, ({ releaseYear }) => (releaseYear === null ? [] : [releaseYear]));
  const rows = new Map(
    [...groups].map(([year, members]) => {
      const figures = measures(
        members.map(({ movie }) => movie),
        since,
      );
      return [year, { release_year: String(year), ...figures } as MartRow];
    }),
  );
  return [...rows].map(([year, row]) => {
    const before = rows.get(year - 1);
    const [now, then] = [row['total_revenue_usd'], before?.['total_revenue_usd']];
    const grown = typeof now === 'string' && typeof then === 'string' ? BigInt(now) - BigInt(then) : null;
    return {
      ...row,
      movie_count_change: before ? String(Number(row['movie_count']) - Number(before['movie_count'])) : null,
      total_revenue_change_pct: grown === null ? null : round((Number(grown) * 100) / Number(then), 4),
      is_complete_year: String(year < newestYear),
    };
  });
}

/** The expected gold.kpi_top_movies of `movies`: the movie of each rank, and the value. */
function topMovies(movies: readonly CountedMovie[]): MartRow[] {
  const since = popularityCountsSince(movies);
  const counted = movies.filter(({ isReleasedFeature }) => isReleasedFeature);
  const weightedRating = weightedRatings(counted);
  const money = (value: (movie: CountedMovie) => number) => (movie: CountedMovie) =>
    isMoneyKnown(movie) ? value(movie) : null;
  const metrics: Readonly<Record<string, (movie: CountedMovie) => number | null>> = {
    revenue: money(({ revenue }) => Number(revenue)),
    profit: money((movie) => Number(profitOf(movie))),
    roi: money(roiOf),
    rating: (movie) => ((movie.voteCount ?? 0) >= floors.ratingVotes ? weightedRating(movie) : null),
    popularity: ({ popularity, answeredAt }) => (answeredAt >= since ? popularity : null),
  };
  return Object.entries(metrics).flatMap(([metric, measure]) =>
    counted
      .flatMap((movie) => {
        const value = measure(movie);
        return value === null ? [] : [{ movie, value }];
      })
      .sort(
        (a, b) =>
          b.value - a.value ||
          (b.movie.voteCount ?? -1) - (a.movie.voteCount ?? -1) ||
          a.movie.movieId - b.movie.movieId,
      )
      .slice(0, ranksKept)
      .map(({ movie, value }, index) => ({
        metric,
        rank: String(index + 1),
        movie_id: String(movie.movieId),
        value,
        answered_at: String(movie.answeredAt),
      })),
  );
}

const figures = `* exclude (genre_sk, genre_name) replace (
  total_revenue_usd::varchar as total_revenue_usd, total_budget_usd::varchar as total_budget_usd,
  total_profit_usd::varchar as total_profit_usd, total_vote_count::varchar as total_vote_count,
  movie_count::varchar as movie_count, money_movie_count::varchar as money_movie_count,
  popularity_movie_count::varchar as popularity_movie_count, genre_id::varchar as genre_id)`;

/** The marts computed by the functions above: each table's name, its query on DuckDB, and the expected rows. */
export const marts = [
  {
    table: 'kpi_genre_performance',
    sql: `select ${figures} from gold.kpi_genre_performance`,
    rowsOf: genrePerformance,
  },
  {
    table: 'kpi_yearly_trends',
    sql: `select ${figures
      .replace('exclude (genre_sk, genre_name) ', '')
      .replace(
        'genre_id::varchar as genre_id',
        'release_year::varchar as release_year, movie_count_change::varchar as movie_count_change, is_complete_year::varchar as is_complete_year',
      )} from gold.kpi_yearly_trends`,
    rowsOf: yearlyTrends,
  },
  {
    table: 'kpi_top_movies',
    sql: `select metric, rank::varchar as rank, movie_id::varchar as movie_id, value,
            epoch_us(answered_at)::varchar as answered_at from gold.kpi_top_movies`,
    rowsOf: topMovies,
  },
] as const;
