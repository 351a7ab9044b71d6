import type { Column } from '../figure.ts';
import type { Unit } from '../format.ts';

const column = (key: string, label: string, unit: Unit): Column => ({ key, label, unit });

/** The columns that the KPI tables share, with the same definitions. */
export const measures = {
  movies: column('movie_count', 'Movies', 'count'),
  moneyMovies: column('money_movie_count', 'With known money', 'count'),
  totalRevenue: column('total_revenue_usd', 'Total revenue', 'usd'),
  totalBudget: column('total_budget_usd', 'Total budget', 'usd'),
  totalProfit: column('total_profit_usd', 'Total profit', 'usd'),
  medianRevenue: column('median_revenue_usd', 'Median revenue', 'usd'),
  medianBudget: column('median_budget_usd', 'Median budget', 'usd'),
  lowerRoi: column('lower_quartile_roi_pct', 'Lower quartile of return', 'percent'),
  medianRoi: column('median_roi_pct', 'Median return', 'percent'),
  upperRoi: column('upper_quartile_roi_pct', 'Upper quartile of return', 'percent'),
  overallRoi: column('overall_roi_pct', 'Return on all budgets', 'percent'),
  loss: column('loss_pct', 'Movies that lost money', 'percent'),
  averageVote: column('average_vote', 'Mean vote', 'vote'),
  weightedVote: column('weighted_vote', 'Vote, weighted', 'vote'),
} as const;

/** The page of a movie. */
const movieLink = (id: unknown): string => `/movies/${id}`;

/** The title of a movie, which links to its page. */
export const movieTitle: Column = {
  key: 'title',
  label: 'Movie',
  unit: 'text',
  link: (row) => movieLink(row['movie_id']),
};

export const movieId: Column = { key: 'movie_id', label: 'Id at TMDb', unit: 'rank', isHidden: true };

/** Columns of a single movie. */
export const movieColumns = {
  revenue: column('revenue_usd', 'Revenue', 'usd'),
  budget: column('budget_usd', 'Budget', 'usd'),
  profit: column('profit_usd', 'Profit', 'usd'),
  roi: column('roi_pct', 'Return', 'percent'),
  vote: column('vote_average', 'Vote', 'vote'),
  votes: column('vote_count', 'Votes', 'count'),
  popularity: column('popularity', 'Popularity', 'score'),
  year: column('release_year', 'Year', 'year'),
  isMoneyKnown: column('is_money_known', 'Money is known', 'yes or no'),
} as const;

/** For `counted` of a figure. */
export const releasedFeatures = 'Released features count: released, and not marked as adult, video or softcore.';
export const knownMoney =
  'Money figures count movies with a plausible budget and revenue and enough votes (is_money_known).';
