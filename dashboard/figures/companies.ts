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

/** How many movies with known money a company needs, by the measure that orders. */
const fewestMoney: Readonly<Record<string, number>> = {
  total_revenue_usd: 1,
  total_profit_usd: 1,
  overall_roi_pct: fewestForReturn,
};

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
    // The sums of all companies choose 30 of them. Only these get names and medians, which need more memory.
    return {
      sql: `
        with known as not materialized (
          select movie_id, revenue_usd, budget_usd, profit_usd, roi_pct from fact_movies where is_released_feature and is_money_known),
        counts as (
          select company_sk, count(*) as movie_count
            from bridge_movie_companies
           where movie_id in (select movie_id from fact_movies where is_released_feature)
           group by company_sk),
        sums as (
          select company_sk, count(*) as known_count, sum(revenue_usd) as total_revenue_usd, sum(budget_usd) as total_budget_usd,
                 sum(profit_usd) as total_profit_usd
            from bridge_movie_companies join known using (movie_id)
           group by company_sk),
        totals as (
          select counts.*, coalesce(known_count, 0) as money_movie_count, total_revenue_usd, total_budget_usd, total_profit_usd,
                 round(cast(total_profit_usd as double) * 100 / total_budget_usd, 4) as overall_roi_pct
            from counts left join sums using (company_sk)),
        chosen as (
          select totals.*, company_name, origin_country, company_id
            from totals join dim_production_companies using (company_sk)
           where company_id <> -1 and money_movie_count >= ${fewestMoney[key] ?? 0}
           order by ${key} desc, company_id
           limit 30),
        medians as (
          select company_sk, round(median(roi_pct), 4) as median_roi_pct
            from bridge_movie_companies join known using (movie_id)
           where company_sk in (select company_sk from chosen)
           group by company_sk)
        select chosen.*, median_roi_pct
          from chosen left join medians using (company_sk)
         order by ${key} desc, company_id`,
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
