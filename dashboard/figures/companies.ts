import { rowChart } from '../charts/bars.ts';
import { type Choices, choiceOf, type Figure, numberIn } from '../figure.ts';
import { formatValue } from '../format.ts';
import { knownMoney, measures, releasedFeatures } from './columns.ts';

const orders = {
  revenue: measures.totalRevenue,
  profit: measures.totalProfit,
  return: measures.overallRoi,
  movies: measures.movies,
} as const;

export const companyOrders = Object.keys(orders) as [keyof typeof orders, ...(keyof typeof orders)[]];

const chosen = (choices: Choices) => orders[choiceOf(choices, 'order', companyOrders)];

export const companyOrderLabel = (name: keyof typeof orders): string => orders[name].label;

/** Below this number of movies with known money, a return says little about a company. */
const fewestForReturn = 5;

/** GOLD has no table of companies by performance, so these are the same measures over the bridge. */
export const companies: Figure = {
  id: 'companies',
  title: 'Top 30 companies',
  counted: `${releasedFeatures} A movie counts under each of its companies, so the rows do not add up. ${knownMoney} The order by return leaves out companies with fewer than ${fewestForReturn} of them.`,
  columns: [
    { key: 'company_name', label: 'Company', unit: 'text' },
    { key: 'origin_country', label: 'Country', unit: 'text' },
    measures.movies,
    measures.moneyMovies,
    measures.totalRevenue,
    measures.totalBudget,
    measures.totalProfit,
    measures.medianRoi,
    measures.overallRoi,
    { key: 'company_id', label: 'Id at TMDb', unit: 'rank', isHidden: true },
  ],
  query: (choices) => {
    const { key } = chosen(choices);
    return {
      sql: `
        select companies.company_name, companies.origin_country, companies.company_id,
               count(*) as movie_count,
               count(*) filter (is_money_known) as money_movie_count,
               sum(revenue_usd) filter (is_money_known) as total_revenue_usd,
               sum(budget_usd) filter (is_money_known) as total_budget_usd,
               sum(profit_usd) filter (is_money_known) as total_profit_usd,
               round(median(roi_pct) filter (is_money_known), 4) as median_roi_pct,
               round(cast(sum(profit_usd) filter (is_money_known) as double) * 100 / sum(budget_usd) filter (is_money_known), 4) as overall_roi_pct
          from bridge_movie_companies as bridge
          join fact_movies as movies on movies.movie_sk = bridge.movie_sk
          join dim_production_companies as companies on companies.company_sk = bridge.company_sk
         where is_released_feature and companies.company_id <> -1
         group by all
        having ${key === 'movie_count' ? 'true' : `count(*) filter (is_money_known) >= ${key === 'overall_roi_pct' ? fewestForReturn : 1}`}
         order by ${key} desc, companies.company_id
         limit 30`,
    };
  },
  chart: (rows, choices) => {
    const { key, label, unit } = chosen(choices);
    const bars = rows.map((row) => ({ name: String(row['company_name']), value: numberIn(row, key) }));
    return rowChart({ label: `${label} by company`, unit, bars });
  },
  marks: (rows, choices) => {
    const { key, unit } = chosen(choices);
    return rows.map((row) => {
      const movies = formatValue(row['movie_count'] ?? null, 'count');
      return `${row['company_name']}: ${formatValue(row[key] ?? null, unit)}, ${movies} movies`;
    });
  },
};
