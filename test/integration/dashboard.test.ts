import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readDefinitions } from '../../dashboard/definitions.ts';
import { html } from '../../dashboard/html.ts';
import { pages } from '../../dashboard/pages/index.ts';
import { type DashboardServer, startDashboardServer } from '../../dashboard/server.ts';
import { createSite } from '../../dashboard/site.ts';
import { reportCoverage } from '../../pipeline/coverage-report.ts';
import { operationsReader } from '../../pipeline/dashboard.ts';
import { saveCoverage } from '../../pipeline/last-coverage.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/logger.ts';
import { Secret } from '../../runtime/secret.ts';
import { openDuckDbFile } from '../../warehouse/duckdb/file.ts';
import { openDuckDbGold } from '../../warehouse/duckdb/gold-reader.ts';
import { publishGold } from '../../warehouse/duckdb/publish-gold.ts';
import { GoldNotReadError, type GoldReader } from '../../warehouse/gold-reader.ts';
import { testContext } from '../support/context.ts';
import { sampleStatus } from '../support/dashboard/sample-status.ts';
import { makeGold, modelNames, oddTitles, publishSmallGold } from '../support/dashboard/small-gold.ts';
import { echoingBroker } from '../support/kafka/echoing-broker.ts';
import { isLongForm } from '../tiers.ts';

/** Each page by one of its addresses, with the choices that the address makes. */
const visited = pages.map(({ path, figures, match }) => {
  const address = match ? '/movies/3' : path;
  return { address, figures, choices: new URLSearchParams(match?.(address) ?? {}) };
});

const definitionAddresses = ['/definitions/metrics', '/definitions/fact_movies', '/definitions/kpi_yearly_trends'];

/** All the exact numbers of a page, as texts. */
const numbersIn = (page: string): string[] =>
  [...page.matchAll(/<data value="([^"]*)"/g)].map(([, value = '']) => value);

describe('the dashboard', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-dashboard-'));
  const path = join(folder, 'gold.duckdb');
  const log = createLogger('silent', []);
  const readOperations = async () => sampleStatus;
  const listen = { host: '127.0.0.1', port: 0 };
  let gold: GoldReader;
  let server: DashboardServer;

  beforeAll(async () => {
    await publishSmallGold(path);
    gold = openDuckDbGold(path);
    const site = createSite({ gold, definitions: readDefinitions(), readOperations, remark: 'These are <invented>.' });
    server = await startDashboardServer({ listen, site, log, hosts: [], token: undefined });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await gold[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const get = (address: string, headers: Record<string, string> = {}) =>
    fetch(new URL(address, server.url), { headers, redirect: 'manual' });
  const textOf = async (address: string) => (await get(address)).text();
  const rowsOf = (sql: string) => gold.read((snapshot) => snapshot.query(sql));

  /** Sends the header `Host` as given, which `fetch` does not. */
  const statusFor = (headers: Record<string, string>, method = 'GET', url = server.url) =>
    new Promise<number | undefined>((resolve, reject) => {
      request(url, { headers, method }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });

  it('shows on each page the time of GOLD, what is counted, the notice of TMDb, and text instead of markup', async () => {
    for (const { address, figures } of visited) {
      const page = await textOf(address);
      expect(page, address).toMatch(/GOLD of <time datetime="\d{4}-/);
      for (const { counted } of figures) expect(page, address).toContain(`${html`${counted}`}`);
      expect(page, address).toContain('This product uses the TMDB API but is not endorsed or certified by TMDB.');
      expect(page, address).toContain('These are &lt;invented&gt;.');
      expect(page, address).not.toMatch(/ style=|<style| on\w+="|<script(?! src="\/app\.js")|<img/);
    }
  });

  it('shows in each figure exactly the rows of its query, on the page, as CSV and as JSON', async () => {
    for (const { address, figures, choices } of visited) {
      const numbers = numbersIn(await textOf(address));
      for (const { id, columns, query } of figures) {
        const { sql, values } = query(choices);
        const rows = await gold.read((snapshot) => snapshot.query(sql, values));
        const visible = columns.filter(({ isHidden, unit }) => !isHidden && unit !== 'text' && unit !== 'time');
        const shown = rows.flatMap((row) => visible.map(({ key }) => row[key]).filter((value) => value !== null));
        expect(rows.length, id).toBeGreaterThan(0);
        expect(numbers.join(' '), id).toContain(shown.join(' '));
        const json = (await (await get(`/data/${id}.json?${choices}`)).json()) as { rows: Record<string, unknown>[] };
        expect(json.rows, id).toEqual(rows.map((row) => Object.fromEntries(columns.map(({ key }) => [key, row[key]]))));
        const csv = await textOf(`/data/${id}.csv?${choices}`);
        expect(csv.split('\r\n')[0], id).toBe(columns.map(({ key }) => key).join(','));
        expect(csv.split('\r\n').length, id).toBe(rows.length + 2);
      }
    }
  });

  it('computes totals and companies as a computation from the single movies does', async () => {
    const movies = (await rowsOf('select * from fact_movies')).filter((row) => row['is_released_feature']);
    const money = movies.filter((row) => row['is_money_known']);
    const sum = (key: string) => money.reduce((total, row) => total + Number(row[key]), 0);
    const returns = money.map((row) => Number(row['roi_pct'])).toSorted((a, b) => a - b);
    const middle = returns.length / 2;
    const { rows } = (await (await get('/data/totals.json')).json()) as { rows: Record<string, number>[] };
    expect(rows).toEqual([
      expect.objectContaining({
        movie_count: movies.length,
        money_movie_count: money.length,
        total_revenue_usd: sum('revenue_usd'),
        overall_roi_pct: Number(((sum('profit_usd') * 100) / sum('budget_usd')).toFixed(4)),
        median_roi_pct: ((returns[Math.ceil(middle) - 1] ?? 0) + (returns[Math.floor(middle)] ?? 0)) / 2,
        loss_pct: Number(
          ((money.filter((row) => Number(row['profit_usd']) < 0).length * 100) / money.length).toFixed(4),
        ),
      }),
    ]);
    const companies = (await (await get('/data/companies.json')).json()) as { rows: Record<string, unknown>[] };
    const byCompany = Map.groupBy(money, (row) => row['company_sk']);
    const expected = [...byCompany]
      .filter(([key]) => key !== 'c-1')
      .map(([key, own]) => ({
        company_name: `Company ${String(key).slice(1)}`,
        total_revenue_usd: own.reduce((total, row) => total + Number(row['revenue_usd']), 0),
      }))
      .toSorted((a, b) => b.total_revenue_usd - a.total_revenue_usd);
    expect(companies.rows).toEqual(expected.map((row) => expect.objectContaining(row)));
  });

  it('ranks by the metric that is chosen, and by revenue if the choice is unknown', async () => {
    const ranked = async (metric: string) =>
      ((await (await get(`/data/top-movies.json?metric=${metric}`)).json()) as { rows: Record<string, unknown>[] })
        .rows;
    expect((await ranked('rating'))[0]).toMatchObject({ metric: 'rating', rank: 1, title: 'Movie 40' });
    expect((await ranked("x' or 1=1 --"))[0]).toMatchObject({ metric: 'revenue' });
  });

  it('finds, filters, sorts and pages movies', async () => {
    const ids = async (query: string) =>
      ((await (await get(`/data/movies.json?${query}`)).json()) as { rows: Record<string, unknown>[] }).rows.map(
        (row) => row['movie_id'],
      );
    expect(await ids('search=MÓVIE 4')).toEqual([40]);
    expect(await ids(`search=${encodeURIComponent('بالعالم')}`)).toEqual([4]);
    expect(await ids(`search=${encodeURIComponent("%' or true --")}`)).toEqual([]);
    expect(await ids('genre=Unknown')).toEqual([8]);
    expect(await ids('search=movie 6')).toEqual([]);
    expect(await ids('search=movie 6&kind=all')).toEqual([6]);
    expect((await ids('sort=revenue_usd&order=up')).slice(0, 3)).toEqual([1, 2, 3]);
    expect(await ids('sort=revenue_usd&page=2')).toEqual([15, 14, 13, 12, 11, 10, 9, 8, 5, 4, 3, 2, 1, 7]);
    expect(await ids('page=-1')).toEqual(await ids('sort=nonsense&order=x'));
    expect(numbersIn(await textOf('/movies?genre=Comedy'))[0]).toBe('14');
    expect((await get('/movies/999999')).status).toBe(404);
    expect((await get('/movies/1e3')).status).toBe(404);
  });

  it('marks the years that are not complete, in the chart and in the table', async () => {
    const page = await textOf('/years');
    expect(page).toContain('2023 (not complete): ');
    expect(page).not.toContain('2022 (not complete)');
    expect(await textOf('/data/years.csv')).toMatch(/,false\r\n2022,.*,true\r\n/);
  });

  it('groups budgets as a computation from the single movies does', async () => {
    const rows = await rowsOf(
      'select budget_usd, roi_pct from fact_movies where is_released_feature and is_money_known',
    );
    const returns = rows.filter((row) => Number(row['budget_usd']) >= 25e6 && Number(row['budget_usd']) < 50e6);
    const sorted = returns.map((row) => Number(row['roi_pct'])).toSorted((a, b) => a - b);
    const answer = (await (await get('/data/return-by-budget.json')).json()) as { rows: Record<string, unknown>[] };
    expect(answer.rows.find((row) => row['budget_class'] === '$25 M to 50 M')).toMatchObject({
      money_movie_count: 3,
      median_roi_pct: sorted[1],
      loss_pct: (returns.filter((row) => Number(row['roi_pct']) < 0).length * 100) / 3,
    });
    expect(answer.rows.reduce((sum, row) => sum + Number(row['money_movie_count']), 0)).toBe(rows.length);
  });

  it('[S14] keeps odd titles as text in pages and in CSV', async () => {
    await publishSmallGold(path, oddTitles.length);
    const page = await textOf('/');
    expect(page).toContain('<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>');
    expect(page).toContain('<bdi>مرحبا بالعالم</bdi>');
    expect(page).not.toContain('<img');
    expect(await textOf('/data/top-movies.csv')).toContain(`'=HYPERLINK('http://x.invalid')`);
  });

  it('sends 304 for an unchanged page, compresses, answers HEAD, and refuses other methods', async () => {
    const first = await get('/genres', { 'accept-encoding': 'br' });
    const etag = first.headers.get('etag') ?? '';
    expect(first.headers.get('content-encoding')).toBe('br');
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    expect((await get('/genres', { 'if-none-match': `W/${etag}` })).status).toBe(304);
    expect(await statusFor({}, 'HEAD')).toBe(200);
    expect(await statusFor({}, 'POST')).toBe(405);
    expect((await get('/data/nothing.csv')).status).toBe(404);
    expect((await get('/nothing')).status).toBe(404);
    expect((await get('/app.css')).headers.get('content-type')).toBe('text/css; charset=utf-8');
  });

  it('sends at most 50 KB for the first look at any page, with its style and script', async () => {
    const bytesOf = async (address: string) =>
      Number((await get(address, { 'accept-encoding': 'br' })).headers.get('content-length') ?? Number.NaN);
    const shared = (await bytesOf('/app.css')) + (await bytesOf('/app.js'));
    const addresses = [...visited.map(({ address }) => address), '/definitions', ...definitionAddresses];
    for (const address of addresses) expect((await bytesOf(address)) + shared, address).toBeLessThan(50_000);
  });

  it('[S14] forbids everything inline and foreign on every answer', async () => {
    for (const address of ['/', '/nothing', '/app.js', '/data/totals.csv', ...definitionAddresses]) {
      const { headers } = await get(address);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('[S14] refuses a host that is not its own, and every request without the token', async () => {
    expect(await statusFor({ host: 'evil.example' })).toBe(421);
    const site = createSite({ gold, definitions: readDefinitions(), readOperations, remark: null });
    await using closed = await startDashboardServer({
      listen,
      site,
      log,
      hosts: ['a.example'],
      token: new Secret('t0ken'),
    });
    expect(await statusFor({ host: 'a.example' }, 'GET', closed.url)).toBe(401);
    expect(await statusFor({ host: 'a.example', authorization: 'Bearer t0ken' }, 'GET', closed.url)).toBe(200);
  });

  it('shows the status of the pipeline, also while there is no GOLD', async () => {
    rmSync(path);
    expect(await textOf('/operations')).toContain('unique_&lt;b&gt;_movie');
    expect(await (await get('/data/operations.json')).json()).toEqual(JSON.parse(JSON.stringify(sampleStatus)));
    await publishSmallGold(path);
  });

  const contextWith = (settings: Record<string, string>) =>
    testContext({ DATA_DIR: join(folder, 'data'), ...settings });

  it('reads the status without starting a broker', async () => {
    const context = contextWith({});
    const { errors, layers, deadLetters, drift, coverage } = await operationsReader(context)();
    const message = 'no broker runs for this data folder';
    expect(errors).toEqual(['topics', 'deadLetters'].map((part) => ({ part, message })));
    const nothing = { deadLetters: null, drift: null, coverage: null };
    expect({ layers, deadLetters, drift, coverage }).toEqual({ layers: [], ...nothing });
  });

  it('shows no password that a broker repeats in its refusal', async () => {
    await using broker = await echoingBroker();
    const password = 'password-of-the-dashboard';
    const login = { KAFKA_USERNAME: 'client', KAFKA_PASSWORD: password, KAFKA_SASL_MECHANISM: 'plain' };
    const { errors } = await operationsReader(contextWith({ KAFKA_BROKERS: `127.0.0.1:${broker.port}`, ...login }))();
    const ofKafka = errors.filter(({ message }) => message.includes('access denied'));
    expect(ofKafka.map(({ part }) => part)).toEqual(['topics', 'deadLetters']);
    expect(JSON.stringify(errors)).not.toContain(password);
  });

  it('shows the last coverage report, or that it cannot be read', async () => {
    const context = contextWith({ DATA_DIR: join(folder, 'covered') });
    const input = {
      now: Date.UTC(2026, 0, 2),
      exported: null,
      parked: new Map(),
      reaskAfterMs: 1,
      retentionMs: 86_400_000,
    };
    const answers = [{ movieId: 1, ageSeconds: 10, isGone: false }];
    const report = await reportCoverage({ ...input, answers, mostMissing: 5 });
    saveCoverage(context, report);
    const { missing: _, ...kept } = report;
    expect((await operationsReader(context)()).coverage).toEqual({ ...kept, ageSeconds: expect.any(Number) });
    expect(statSync(join(folder, 'covered', 'coverage.json')).mode & 0o777).toBe(0o600);
    writeFileSync(join(folder, 'covered', 'coverage.json'), '{}');
    const { coverage, errors } = await operationsReader(context)();
    expect(coverage).toBeNull();
    expect(errors).toContainEqual({ part: 'coverage', message: expect.stringContaining('run "tmdb-stream coverage"') });
  });

  it('shows what dbt found to be different in documents, or why that cannot be read', async () => {
    const options = { path: join(folder, 'drift.duckdb'), lockWaitMs: 10_000, clock: systemClock };
    const read = operationsReader(contextWith({ DUCKDB_PATH: options.path }));
    {
      await using file = await openDuckDbFile(options);
      await file.connection.run(`create schema silver; create table silver.silver_drift as
        select 'new key' as kind, 'budget_eur' as path, 'number' as json_type, '' as text_value, 3 as occurrences,
               timestamp '2026-01-01' as first_seen_at, timestamp '2026-01-02' as last_seen_at, 7 as example_movie_id, true as is_recent`);
    }
    const finding = { ...{ kind: 'new key', path: 'budget_eur', jsonType: 'number', text: null }, exampleMovieId: 7 };
    expect((await read()).drift?.findings).toEqual([expect.objectContaining(finding)]);
    writeFileSync(options.path, 'no database');
    const { drift, errors } = await operationsReader(contextWith({ DUCKDB_PATH: options.path }))();
    expect(drift).toBeNull();
    expect(errors.map(({ part }) => part).toSorted()).toEqual(['deadLetters', 'drift', 'topics', 'warehouse']);
  });

  it('[P19] shows each published GOLD with the next request, and says what to run while there is none', async () => {
    for (const count of [10, 20, 30]) {
      await publishSmallGold(path, count);
      expect(await textOf('/data/totals.csv')).toContain(`\r\n${count - 1},`);
    }
    rmSync(path);
    const missing = await get('/');
    expect(missing.status).toBe(503);
    expect(await missing.text()).toContain('npm start');
    await publishSmallGold(path, 12);
    expect((await get('/')).status).toBe(200);
  });

  it('[P19 Z5] answers twenty readers while GOLD is published again and again, without an error and from one GOLD for each page', async () => {
    const publishes = isLongForm ? 50 : 4;
    const copies = await Promise.all(
      [10, 20].map(async (count) => {
        const copy = join(folder, `copy-${count}.duckdb`);
        await publishSmallGold(copy, count);
        return copy;
      }),
    );
    const publish = (copy: string) => {
      copyFileSync(copy, `${path}.next`);
      renameSync(`${path}.next`, path);
    };
    publish(copies[0] ?? '');
    let isPublishing = true;
    let answers = 0;
    const reader = async () => {
      while (isPublishing) {
        const response = await get('/');
        expect(response.status).toBe(200);
        const numbers = numbersIn(await response.text()).map(Number);
        // Movies, and the best revenue: 10 movies earn at most 100 million dollars, 20 movies 400 million.
        const best = numbers[0] === 9 ? 100e6 : 400e6;
        expect([9, 19]).toContain(numbers[0]);
        expect(numbers).toContain(best);
        expect(numbers.includes(400e6)).toBe(best === 400e6);
        answers++;
      }
    };
    const readers = Promise.all(Array.from({ length: 20 }, reader));
    for (let number = 1; number <= publishes; number++) {
      publish(copies[number % 2] ?? '');
      const before = answers;
      await vi.waitUntil(() => answers >= before + 40, { timeout: 60_000, interval: 10 });
    }
    isPublishing = false;
    await readers;
  });

  it('reads the copy that the product publishes', async () => {
    const options = { path: join(folder, 'tmdb.duckdb'), lockWaitMs: 10_000, clock: systemClock };
    {
      await using file = await openDuckDbFile(options);
      await makeGold(file.connection, 15);
    }
    await publishGold(options, path, modelNames);
    for (const { address } of visited) expect((await get(address)).status, address).toBe(200);
    expect(await textOf('/data/totals.csv')).toContain('\r\n14,');
  });

  it('[P22] says that a newer GOLD cannot be read, also on a page that it kept from before, and until it can', async () => {
    let outage: string | null = null;
    const reader = { ...gold, outage: () => outage };
    const site = createSite({ gold: reader, definitions: readDefinitions(), readOperations, remark: null });
    const pageOf = async () => String((await site.answer('/genres', new URLSearchParams())).body);
    const before = await pageOf();
    outage = 'Snowflake: <away>';
    expect(await pageOf()).toContain(
      'This GOLD may be out of date. The dashboard cannot read the newest one: Snowflake: &lt;away&gt;.',
    );
    outage = null;
    expect(await pageOf()).toBe(before);
    expect(before).not.toContain('A newer GOLD');
  });

  it('asks for a wait, not for a build, while GOLD has not been read yet', async () => {
    const version = () => {
      throw new GoldNotReadError('GOLD is being read');
    };
    const options = { definitions: readDefinitions(), readOperations, remark: null };
    const { status, body } = await createSite({ gold: { ...gold, version }, ...options }).answer(
      '/',
      new URLSearchParams(),
    );
    expect(status).toBe(503);
    expect(String(body)).toMatch(/GOLD is being read.*retries automatically/s);
    expect(String(body)).not.toContain('npm start');
  });

  it('says what to run for a GOLD that another version built, which lacks a table', async () => {
    const options = { path: join(folder, 'older.duckdb'), lockWaitMs: 10_000, clock: systemClock };
    {
      await using file = await openDuckDbFile(options);
      await makeGold(file.connection, 15);
    }
    rmSync(path);
    await publishGold(
      options,
      path,
      modelNames.filter((name) => name !== 'dim_movies'),
    );
    const answer = await get('/movies/3');
    expect(answer.status).toBe(503);
    expect(await answer.text()).toMatch(/was built by another version: .*dim_movies.*npx tmdb-stream transform/s);
    expect((await get('/genres')).status).toBe(200);
  });

  it('[P19] reads one GOLD from the first to the last query of a page while others are published', async () => {
    await publishSmallGold(path, 10);
    const sql = 'select count(*) as movies from fact_movies';
    const counts = await gold.read(async (snapshot) => {
      const before = await snapshot.query(sql);
      await publishSmallGold(path, 20);
      const newest = await gold.read((next) => next.query(sql));
      return [before, newest, await snapshot.query(sql)].map(([row]) => row?.['movies']);
    });
    expect(counts).toEqual([10, 20, 10]);
  });

  it('[S14] lets a query open no other file and write nothing', async () => {
    for (const sql of [
      `attach '${join(folder, 'x.duckdb')}' as x`,
      "from read_csv('/etc/passwd')",
      'delete from fact_movies',
    ]) {
      await expect(rowsOf(sql), sql).rejects.toThrow();
    }
  });
});
