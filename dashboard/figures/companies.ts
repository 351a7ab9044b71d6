import { metricsTable, selectMetrics } from '../../schemas/metrics.ts';
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

/** The metrics of a company, as columns. */
const shown = [
  measures.movies,
  measures.moneyMovies,
  measures.totalRevenue,
  measures.totalBudget,
  measures.totalProfit,
  measures.medianRoi,
  measures.overallRoi,
];

/** GOLD has no table of companies by performance, so these are the metrics over the bridge. */
export const companies: Figure = {
  id: 'companies',
  title: 'Top 30 companies',
  counted: `${releasedFeatures} A movie counts under each of its companies, so the rows do not add up. ${knownMoney} The order by return leaves out companies with fewer than ${fewestForReturn} of them.`,
  columns: [
    { key: 'company_name', label: 'Company', unit: 'text' },
    { key: 'origin_country', label: 'Country', unit: 'text' },
    ...shown,
    { key: 'company_id', label: 'Id at TMDb', unit: 'rank', isHidden: true },
  ],
  models: ['dim_production_companies', 'bridge_movie_companies', metricsTable],
  query: (choices) => {
    const { key } = chosen(choices);
    const fewest = fewestMoney[key] ?? 0;
    // One metric of all companies chooses 30 of them, and only these get the others: medians of all would need much memory.
    return {
      sql: `
        with ordered as (
          select company_sk, ${selectMetrics([key])}
            from bridge_movie_companies join ${metricsTable} using (movie_id)
           where ${fewest > 0 ? 'is_money_known' : 'true'}
           group by company_sk
          having count(*) >= ${fewest}),
        chosen as (
          select company_sk, company_name, origin_country, company_id
            from ordered join dim_production_companies using (company_sk)
           where company_id <> -1
           order by ${key} desc, company_id
           limit 30)
        select company_name, origin_country, company_id, ${selectMetrics(shown.map((column) => column.key))}
          from chosen
          join bridge_movie_companies using (company_sk)
          join ${metricsTable} using (movie_id)
         group by company_name, origin_country, company_id
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
