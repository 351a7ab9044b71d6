import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import { audit } from '../support/audit/audit.ts';
import { rowsIn, Workspace } from '../support/processes/cli.ts';

/** Recorded answers of the real API. They are stored beside the project and are not part of it. */
const recordings = join(import.meta.dirname, '../../../shared/tmdb');
const areThere = existsSync(recordings);
const fast = { TMDB_RATE_LIMIT: '2000/1s' };

interface Document {
  readonly id: number;
  readonly title: string;
  readonly budget: number;
  readonly revenue: number;
  readonly vote_average: number;
  readonly vote_count: number;
  readonly popularity: number;
  readonly release_date: string;
  readonly genres: readonly { readonly name: string }[];
}

const parse = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Document);
const documentsOf = (file: string) => parse(gunzipSync(readFileSync(file)).toString());
const known = (amount: number) => (amount > 0 ? amount : null);

const query = async (path: string, sql: string): Promise<Record<string, unknown>[]> => {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
};

const facts = (path: string) =>
  query(
    path,
    `select movie_id::integer as id, title, revenue_usd::double as revenue, budget_usd::double as budget, vote_average,
            vote_count::integer as vote_count, popularity, full_date::varchar as release_date
       from gold.fact_movies join gold.dim_dates using (date_sk) order by movie_id`,
  );

const asFact = ({ id, title, revenue, budget, vote_average, vote_count, popularity, release_date }: Document) => ({
  id,
  title,
  revenue: known(revenue),
  budget: known(budget),
  vote_average: vote_count > 0 ? vote_average : null,
  vote_count,
  popularity,
  release_date: release_date || null,
});

const byId = (a: { id: number }, b: { id: number }) => a.id - b.id;

describe.runIf(areThere)('recorded movies', () => {
  const half = (name: string) => join(recordings, 'snapshots', `${name}.ndjson.gz`);

  it('are all in GOLD, with the values of their documents', async () => {
    using workspace = new Workspace({ ...fast, SANDBOX_CATALOGUE: half('2025-12-15a') });
    const report = await workspace.runOnce(['--pages', 'all']);
    expect(report.movies).toMatchObject({ fetched: 1_000, gone: 0, parked: 0 });
    expect(await facts(workspace.duckdbPath)).toEqual(documentsOf(half('2025-12-15a')).sort(byId).map(asFact));
    await audit(workspace);
  });

  it('have the averages that were computed independently from the same recording', async () => {
    using workspace = new Workspace(fast);
    for (const name of ['2025-12-15a', '2025-12-15b']) {
      await workspace.runOnce(['--pages', 'all'], { SANDBOX_CATALOGUE: half(name) });
    }
    const ids = readFileSync(join(recordings, 'expected/movie_ids_1811.txt'), 'utf8').trim().split('\n').join(',');
    const means = `round(avg(revenue_usd), 2) as revenue, round(avg(revenue_usd::double / budget_usd), 2) as roi, count(*)::integer as movies`;
    const [movies] = await query(
      workspace.duckdbPath,
      `select count(*)::integer as n from gold.fact_movies where movie_id in (${ids})`,
    );
    expect(movies).toEqual({ n: 1_811 });
    expect(
      await query(
        workspace.duckdbPath,
        `select genre_name as key, ${means} from gold.fact_movies join gold.bridge_movie_genres using (movie_id)
           join gold.dim_genres on dim_genres.genre_sk = bridge_movie_genres.genre_sk where movie_id in (${ids}) group by all order by key`,
      ),
    ).toEqual(expectedMeans('genre_summary', 'genres'));
    expect(
      await query(
        workspace.duckdbPath,
        `select year::varchar as key, ${means} from gold.fact_movies join gold.dim_dates using (date_sk) where movie_id in (${ids}) group by all order by key`,
      ),
    ).toEqual(expectedMeans('yearly_trends', 'year'));
    expect(
      await query(
        workspace.duckdbPath,
        `select strftime(full_date, '%b') as key, ${means} from gold.fact_movies join gold.dim_dates using (date_sk) where movie_id in (${ids}) group by all order by key`,
      ),
    ).toEqual(expectedMeans('monthly_seasonality', 'month'));
  });

  const expectedMeans = (name: string, keyColumn: string) => {
    const [header = '', ...lines] = readFileSync(join(recordings, 'expected', `${name}.csv`), 'utf8')
      .trim()
      .split('\n');
    const column = (line: string, wanted: string) => line.split(',')[header.split(',').indexOf(wanted)] ?? '';
    return lines
      .map((line) => ({
        key: column(line, keyColumn),
        revenue: Number(column(line, 'revenue')),
        roi: Number(column(line, 'roi')),
        movies: Number(column(line, 'movie_count')),
      }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  };

  it('show the newer values in SILVER when a newer recording is served, and BRONZE keeps both', async () => {
    using workspace = new Workspace(fast);
    await workspace.runOnce(['--pages', 'all'], { SANDBOX_CATALOGUE: half('2019-12') });
    const older = documentsOf(half('2019-12'));
    const newer = documentsOf(half('2025-12-15a'));
    const again = await workspace.runOnce(['--pages', 'all'], {
      SANDBOX_CATALOGUE: half('2025-12-15a'),
      TMDB_REFRESH_AFTER: '0s',
    });
    expect(rowsIn(again, 'bronze.raw_movies')).toBe(older.length + newer.length);
    const newest = new Map([...older, ...newer].map((document) => [document.id, document]));
    expect(newest.size).toBeLessThan(older.length + newer.length);
    expect(await facts(workspace.duckdbPath)).toEqual([...newest.values()].sort(byId).map(asFact));
    await audit(workspace);
  });

  it('with unusual values reach GOLD unchanged', async () => {
    using workspace = new Workspace({ ...fast, SANDBOX_CATALOGUE: join(recordings, 'quirks.ndjson') });
    const quirks = parse(readFileSync(join(recordings, 'quirks.ndjson'), 'utf8'));
    const newest = [...new Map(quirks.map((document) => [document.id, document])).values()];
    const report = await workspace.runOnce(['--pages', 'all']);
    expect(report.movies).toMatchObject({ fetched: newest.length, parked: 0 });
    expect(await facts(workspace.duckdbPath)).toEqual(newest.sort(byId).map(asFact));
    await audit(workspace);
  });
});

it.skipIf(areThere)('SKIPPED: the recordings are missing; only the generated catalogue was tested', () => {});

describe('a custom catalogue in a file', () => {
  it('is updated by a newer one: SILVER has the newer values, BRONZE has both', async () => {
    using workspace = new Workspace(fast);
    const file = join(workspace.dataDir, 'catalogue.ndjson.gz');
    mkdirSync(workspace.dataDir, { recursive: true });
    const write = (version: number): Document[] => {
      const catalogue = new GeneratedCatalogue({ seed: 5, movies: 100, version });
      const ids = Array.from({ length: 100 }, (_, rank) => catalogue.idAtRank(rank));
      const lines = ids.flatMap((id) => catalogue.document(id)?.toString() ?? []);
      writeFileSync(file, gzipSync(`${lines.join('\n')}\n`));
      return parse(lines.join('\n'));
    };
    const older = write(0);
    await workspace.runOnce(['--pages', 'all'], { SANDBOX_CATALOGUE: file });
    const newer = write(1);
    expect(newer).not.toEqual(older);
    const again = await workspace.runOnce(['--pages', 'all'], { SANDBOX_CATALOGUE: file, TMDB_REFRESH_AFTER: '0s' });
    expect(rowsIn(again, 'bronze.raw_movies')).toBe(older.length + newer.length);
    const revenues = await query(
      workspace.duckdbPath,
      'select movie_id::integer as id, revenue_usd::double as revenue from silver.silver_movies order by 1',
    );
    expect(revenues).toEqual(newer.sort(byId).map(({ id, revenue }) => ({ id, revenue: known(revenue) })));
  });
});
