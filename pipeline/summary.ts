import type { WarehouseAccess } from '../warehouse/system.ts';
import type { WarehouseReader } from '../warehouse/warehouse.ts';
import type { RunReport } from './report.ts';

/** The marts at the end of a run: the columns that fit a terminal, and the first rows. */
const kpiQueries = {
  kpi_genre_performance: `
    select genre_name, movie_count as movies, median_revenue_usd, median_roi_pct, average_vote
      from gold.kpi_genre_performance order by movie_count desc, genre_name limit 8`,
  kpi_yearly_trends: `
    select cast(release_year as varchar) as year, movie_count as movies, total_revenue_usd, median_budget_usd, average_vote
      from gold.kpi_yearly_trends order by release_year desc limit 8`,
  kpi_top_movies: `
    select rank, title, cast(release_year as varchar) as year, revenue_usd, budget_usd, roi_pct
      from gold.kpi_top_movies where metric = 'revenue' order by rank limit 8`,
};

/** Rows per table and the first lines of the KPI marts. */
export async function summarize(system: WarehouseAccess): Promise<Pick<RunReport, 'rows' | 'kpis'>> {
  await using reader = await system.openReader();
  const rows = {
    bronze: await countRows(reader, 'bronze'),
    silver: await countRows(reader, 'silver'),
    gold: await countRows(reader, 'gold'),
  };
  const kpis: Record<string, Record<string, unknown>[]> = {};
  for (const [name, sql] of Object.entries(kpiQueries)) kpis[name] = await reader.query(sql);
  return { rows, kpis };
}

/** For every table with movie data; tables in which dbt and the loader store their own state are omitted. */
async function countRows(reader: WarehouseReader, schema: string): Promise<Record<string, number>> {
  const found = await reader.query(
    `select lower(table_name) as name from information_schema.tables where lower(table_schema) = '${schema}'`,
  );
  const tables = found
    .map(({ name }) => String(name))
    .filter((name) => kindOf(name) >= 0)
    .sort((a, b) => kindOf(a) - kindOf(b) || (a < b ? -1 : 1));
  if (tables.length === 0) return {};
  const counts = tables
    .map((name) => `select '${name}' as name, count(*) as row_count from ${schema}.${name}`)
    .join(' union all ');
  const rows = await reader.query(counts);
  return Object.fromEntries(rows.map((row) => [String(row['name']), Number(row['row_count'])]));
}

/** In display order. */
const kinds = ['raw', 'fact', 'silver', 'dim', 'bridge', 'kpi'];

const kindOf = (table: string): number => kinds.indexOf(table.split('_')[0] ?? '');
