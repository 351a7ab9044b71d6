import { z } from 'zod';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { WarehouseAccess } from '../warehouse/system.ts';
import type { WarehouseReader } from '../warehouse/warehouse.ts';
import { numberOrNull, textOrNull } from './row-values.ts';

const genreShape = z.object({
  genreName: z.string().nullable().describe('name of the genre'),
  movies: count.describe('its released features'),
  medianRevenueUsd: z.number().nullable().describe('median revenue of the movies with known money'),
  medianRoiPct: z.number().nullable().describe('their median return on investment in percent'),
  averageVote: z.number().nullable().describe('mean vote of the movies with a value, 0 to 10'),
});

const yearShape = z.object({
  year: count.nullable().describe('year of the release'),
  movies: count.describe('its released features'),
  totalRevenueUsd: z.number().nullable().describe('total revenue of the movies with known money'),
  medianBudgetUsd: z.number().nullable().describe('their median budget'),
  averageVote: z.number().nullable().describe('mean vote of the movies with a value, 0 to 10'),
});

const topMovieShape = z.object({
  rank: count.describe('place by revenue'),
  title: z.string().nullable().describe('title of the movie'),
  year: count.nullable().describe('year of the release'),
  revenueUsd: z.number().nullable().describe('revenue in US dollars'),
  budgetUsd: z.number().nullable().describe('budget in US dollars'),
  roiPct: z.number().nullable().describe('return on investment in percent'),
});

/** What is in the warehouse at the end of a run. */
export const summaryShape = z.object({
  tables: z
    .array(
      z.object({
        layer: z.enum(['bronze', 'silver', 'gold']).describe('the schema'),
        name: z.string().describe('the table'),
        rows: count.describe('rows in it'),
      }),
    )
    .describe('every table with movie data'),
  kpis: z
    .object({
      genrePerformance: z.array(genreShape).describe('first rows of gold.kpi_genre_performance'),
      yearlyTrends: z.array(yearShape).describe('first rows of gold.kpi_yearly_trends'),
      topMovies: z.array(topMovieShape).describe('first rows of gold.kpi_top_movies, by revenue'),
    })
    .describe('the first rows of the KPI marts, with some of their columns'),
});
export type Summary = ValueOf<typeof summaryShape>;

const genreSql = `
  select genre_name, movie_count as movies, median_revenue_usd, median_roi_pct, average_vote
    from gold.kpi_genre_performance order by movie_count desc, genre_name limit 8`;

const yearSql = `
  select release_year as year, movie_count as movies, total_revenue_usd, median_budget_usd, average_vote
    from gold.kpi_yearly_trends order by release_year desc limit 8`;

const topMoviesSql = `
  select rank, title, release_year as year, revenue_usd, budget_usd, roi_pct
    from gold.kpi_top_movies where metric = 'revenue' order by rank limit 8`;

/** Rows per table and the first lines of the KPI marts. */
export async function summarize(system: WarehouseAccess): Promise<Summary> {
  await using reader = await system.openReader();
  const tables = [
    ...(await countRows(reader, 'bronze')),
    ...(await countRows(reader, 'silver')),
    ...(await countRows(reader, 'gold')),
  ];
  return { tables, kpis: await readKpis(reader) };
}

async function readKpis(reader: WarehouseReader): Promise<Summary['kpis']> {
  const genres = await reader.query(genreSql);
  const years = await reader.query(yearSql);
  const movies = await reader.query(topMoviesSql);
  return {
    genrePerformance: genres.map((row) => ({
      genreName: textOrNull(row['genre_name']),
      movies: Number(row['movies']),
      medianRevenueUsd: numberOrNull(row['median_revenue_usd']),
      medianRoiPct: numberOrNull(row['median_roi_pct']),
      averageVote: numberOrNull(row['average_vote']),
    })),
    yearlyTrends: years.map((row) => ({
      year: numberOrNull(row['year']),
      movies: Number(row['movies']),
      totalRevenueUsd: numberOrNull(row['total_revenue_usd']),
      medianBudgetUsd: numberOrNull(row['median_budget_usd']),
      averageVote: numberOrNull(row['average_vote']),
    })),
    topMovies: movies.map((row) => ({
      rank: Number(row['rank']),
      title: textOrNull(row['title']),
      year: numberOrNull(row['year']),
      revenueUsd: numberOrNull(row['revenue_usd']),
      budgetUsd: numberOrNull(row['budget_usd']),
      roiPct: numberOrNull(row['roi_pct']),
    })),
  };
}

type Layer = Summary['tables'][number]['layer'];

/** For every table with movie data; tables in which dbt and the loader store their own state are omitted. */
async function countRows(reader: WarehouseReader, layer: Layer): Promise<Summary['tables'][number][]> {
  const found = await reader.query(
    `select lower(table_name) as name from information_schema.tables
      where lower(table_schema) = '${layer}' and table_type = 'BASE TABLE'`,
  );
  const tables = found
    .map(({ name }) => String(name))
    .filter((name) => kindOf(name) >= 0)
    .sort((a, b) => kindOf(a) - kindOf(b) || (a < b ? -1 : 1));
  if (tables.length === 0) return [];
  const counts = tables
    .map((name) => `select '${name}' as name, count(*) as row_count from ${layer}.${name}`)
    .join(' union all ');
  const rows = await reader.query(counts);
  return rows.map((row) => ({ layer, name: String(row['name']), rows: Number(row['row_count']) }));
}

/** In display order. */
const kinds = ['raw', 'fact', 'silver', 'dim', 'bridge', 'kpi'];

const kindOf = (table: string): number => kinds.indexOf(table.split('_')[0] ?? '');
