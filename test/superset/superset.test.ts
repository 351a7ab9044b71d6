import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metrics, metricsTable, selectMetrics } from '../../schemas/metrics.ts';
import { openDuckDbGold } from '../../warehouse/duckdb/gold-reader.ts';
import type { GoldRow } from '../../warehouse/gold-reader.ts';
import { charts } from '../generated-pages/superset/charts.ts';
import { publishSmallGold } from '../support/dashboard/small-gold.ts';
import { SupersetServer } from '../support/superset/server.ts';

const byGenre = 'genre_name, movie_count, money_movie_count, total_revenue_usd, median_revenue_usd, median_roi_pct';
const byCompany = ['total_revenue_usd', 'movie_count', 'money_movie_count', 'median_roi_pct', 'overall_roi_pct'];

/** What each chart shows, as a query on GOLD that does not go through Superset: the KPI tables, where they have the figures. */
const expected: Readonly<Record<string, string>> = {
  'Released features': `select ${selectMetrics(['movie_count'])} from ${metricsTable}`,
  'Total revenue': `select ${selectMetrics(['total_revenue_usd'])} from ${metricsTable}`,
  'Median return (%)': `select ${selectMetrics(['median_roi_pct'])} from ${metricsTable}`,
  'Mean of all votes': `select ${selectMetrics(['weighted_vote'])} from ${metricsTable}`,
  'Total revenue by release year':
    'select release_year, total_revenue_usd from kpi_yearly_trends order by release_year',
  'Median return by release year (%)':
    'select release_year, median_roi_pct from kpi_yearly_trends order by release_year',
  'Median return by genre (%)': 'select genre_name, median_roi_pct from kpi_genre_performance',
  Genres: `select ${byGenre}, overall_roi_pct, weighted_vote from kpi_genre_performance`,
  'Companies by revenue': `
    select company_name, ${selectMetrics(byCompany)}
      from ${metricsTable} join bridge_movie_companies using (movie_id) join dim_production_companies using (company_sk)
     group by company_name order by total_revenue_usd desc nulls last limit 30`,
  'Top ten movies by revenue': `
    select rank, title, release_year, revenue_usd, budget_usd, roi_pct, vote_average
      from kpi_top_movies where metric = 'revenue' and rank <= 10 order by rank`,
};

/** Rows as texts in one order, because equal values have no order of their own. */
const sorted = (rows: readonly Record<string, unknown>[]): string[] =>
  rows.map((row) => JSON.stringify(Object.entries(row).toSorted())).toSorted();

describe('Superset with the bundle of deploy/superset', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-superset-'));
  const path = join(folder, 'tmdb_gold.duckdb');
  let superset: SupersetServer;

  beforeAll(async () => {
    await publishSmallGold(path);
    superset = await SupersetServer.start(join(folder, 'superset'), path);
  });
  afterAll(async () => {
    await superset?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const inGold = async (sql: string): Promise<readonly GoldRow[]> => {
    await using gold = openDuckDbGold(path);
    return await gold.read((snapshot) => snapshot.query(sql));
  };
  const chartIds = async (): Promise<ReadonlyMap<string, number>> => {
    const { body } = await superset.get('/api/v1/chart/?q=(page_size:100)');
    return new Map(body.result.map((chart: { slice_name: string; id: number }) => [chart.slice_name, chart.id]));
  };
  const rowsOf = async (id: number | undefined): Promise<Record<string, unknown>[]> => {
    const { status, body } = await superset.get(`/api/v1/chart/${id}/data/`);
    expect({ status, error: body.result?.[0]?.error ?? body }).toEqual({ status: 200, error: expect.anything() });
    return body.result[0].data;
  };
  const runSql = (sql: string) =>
    superset.post('/api/v1/sqllab/execute/', { database_id: 1, sql, schema: 'gold', runAsync: false });
  const hashOf = (): string => createHash('sha256').update(readFileSync(path)).digest('hex');

  it('shows in each chart the rows of a query on GOLD, to the digit', async () => {
    const ids = await chartIds();
    expect([...ids.keys()].toSorted()).toEqual(charts.map(({ name }) => name).toSorted());
    expect(Object.keys(expected).toSorted()).toEqual(charts.map(({ name }) => name).toSorted());
    for (const { name } of charts) {
      const rows = await inGold(expected[name] ?? '');
      expect(rows.length, name).toBeGreaterThan(0);
      expect(sorted(await rowsOf(ids.get(name))), name).toEqual(sorted(rows));
    }
  });

  it('has one dashboard with all charts, and each metric with its definition', async () => {
    const onDashboard = await superset.get('/api/v1/dashboard/tmdb-movies/charts');
    expect(onDashboard.body.result).toHaveLength(charts.length);
    const list = await superset.get('/api/v1/dataset/?q=(page_size:100)');
    const { id } = list.body.result.find((one: { table_name: string }) => one.table_name === metricsTable);
    const { body } = await superset.get(`/api/v1/dataset/${id}`);
    const found = body.result.metrics.map((one: Record<string, unknown>) => [one['metric_name'], one['expression']]);
    expect(found.toSorted()).toEqual(metrics.map(({ name, sql }) => [name, sql]).toSorted());
  });

  it('computes every metric as GOLD does', async () => {
    const names = metrics.map(({ name }) => name);
    const list = await superset.get('/api/v1/dataset/?q=(page_size:100)');
    const { id } = list.body.result.find((one: { table_name: string }) => one.table_name === metricsTable);
    const { body } = await superset.post('/api/v1/chart/data', {
      datasource: { id, type: 'table' },
      queries: [{ metrics: names, columns: [], row_limit: 10 }],
    });
    expect(sorted(body.result[0].data)).toEqual(sorted(await inGold(`select ${selectMetrics()} from ${metricsTable}`)));
  });

  it('follows twenty publishes without a restart and without an error, while others read', async () => {
    const ids = await chartIds();
    const copies = [10, 20].map((count) => ({ count, file: join(folder, `copy-${count}.duckdb`) }));
    for (const { count, file } of copies) await publishSmallGold(file, count);
    let isPublishing = true;
    let read = 0;
    const reader = async () => {
      while (isPublishing) {
        const genres = await rowsOf(ids.get('Genres'));
        expect(genres).toHaveLength(4);
        read++;
      }
    };
    const readers = Promise.all(Array.from({ length: 4 }, reader));
    for (let publish = 0; publish < 20; publish++) {
      const { count, file } = copies[publish % 2] ?? { count: 0, file: '' };
      copyFileSync(file, `${path}.next`);
      renameSync(`${path}.next`, path);
      // Movie 6 is not released.
      expect(await rowsOf(ids.get('Released features'))).toEqual([{ movie_count: count - 1 }]);
    }
    isPublishing = false;
    await readers;
    expect(read).toBeGreaterThan(20);
  });

  it('can write nothing and read no other file, even if an administrator allows it', async () => {
    const before = hashOf();
    expect((await superset.post('/api/v1/database/1', { allow_dml: true }, 'PUT')).status).toBe(200);
    const other = join(folder, 'other.csv');
    writeFileSync(other, 'a\n1\n');
    expect((await runSql('select count(*) as movies from gold.dim_movies')).status).toBe(200);
    const refused: [sql: string, reason: RegExp][] = [
      ['create table gold.x as select 1 as a', /read-only/i],
      ['delete from gold.dim_genres', /read-only/],
      [`attach '${join(folder, 'x.duckdb')}' as x`, /disabled by configuration/],
      [`copy gold.dim_genres to '${join(folder, 'x.csv')}'`, /disabled by configuration/],
      [`select * from read_csv('${other}')`, /disabled by configuration/],
      ['set enable_external_access = true', /has been locked/],
    ];
    for (const [sql, reason] of refused) {
      const { status, body } = await runSql(sql);
      expect({ sql, status, text: JSON.stringify(body) }).toEqual({
        sql,
        status: 500,
        text: expect.stringMatching(reason),
      });
    }
    expect(hashOf()).toBe(before);
  });

  it('asks for a login and a CSRF token, and forbids foreign content', async () => {
    const page = await fetch(new URL('/login/', superset.url));
    expect(page.headers.get('content-security-policy')).toContain("object-src 'none'");
    expect((await fetch(new URL('/api/v1/chart/', superset.url))).status).toBe(401);
    const headers = superset.headersWithoutCsrf;
    const refused = await fetch(new URL('/api/v1/sqllab/execute/', superset.url), {
      method: 'POST',
      headers,
      body: '{}',
    });
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain('CSRF');
  });
});
