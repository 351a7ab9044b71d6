import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunReport } from '../../pipeline/report.ts';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import type { Fault } from '../../sandbox/fault.ts';
import { type SandboxRequest, startSandbox } from '../../sandbox/server.ts';
import { audit } from '../support/audit/audit.ts';
import { rowsIn, Workspace } from '../support/processes/cli.ts';
import { until } from '../support/processes/fleet.ts';
import { openTestBed } from '../support/processes/test-bed.ts';
import { moviesIn } from '../support/processes/watchers.ts';

/** The real commands with a TMDb that randomly misbehaves in every way that is not an outage. */

/** Fewer in `npm test` than in `npm run test:full`. */
const movies = 1_000;
const pages = movies / 20;
const limit = { capacity: 400, windowMs: 1_000 };
const seed = Number(process.env['FAULT_SEED'] ?? 7);

const popular = '/movie/popular';
const genreLists = '/genre/';
const details = '/movie/{id}';
const ofLists: readonly Fault[] = [
  { kind: 'error-body', code: 34, rate: 0.05, path: popular },
  { kind: 'error-body', code: 25, rate: 0.02, path: popular },
  { kind: 'body', body: '{"results":null}', rate: 0.04, path: popular },
  { kind: 'body', body: '[]', rate: 0.04, path: popular },
  { kind: 'body', body: '{"genres":[]}', times: 1, path: genreLists },
  { kind: 'body', body: '{"genres":{}}', times: 1, path: genreLists },
  { kind: 'error-body', code: 11, times: 1, path: genreLists },
  { kind: 'bad-items', count: 1, rate: 0.2, path: popular },
  { kind: 'bad-items', count: 14, rate: 0.3, path: popular },
  { kind: 'bad-items', count: 14, path: genreLists },
  { kind: 'bad-totals', rate: 0.3, path: popular },
  { kind: 'undeclared-gzip', rate: 0.5, path: popular },
];
const ofMovies: readonly Fault[] = [
  { kind: 'error-body', code: 34, rate: 0.03, path: details },
  { kind: 'error-body', code: 25, times: 3, rate: 0.01, path: details },
  { kind: 'error-body', code: 46, rate: 0.05, path: details },
  { kind: 'undeclared-gzip', rate: 0.3, path: details },
];
const mixed = [...ofLists, ...ofMovies];

const catalogue = new GeneratedCatalogue({ seed, movies });
const listed = Array.from({ length: movies }, (_, rank) => catalogue.idAtRank(rank));

/** The listed movies that exist according to TMDb's first answer about each of them. */
function goodMovies(requests: readonly SandboxRequest[]): number[] {
  const isThere = new Map<number, boolean>();
  for (const { path, status, fault } of requests) {
    const id = Number(/^\/3\/movie\/(\d+)$/.exec(path)?.[1]);
    const code = fault?.kind === 'error-body' ? fault.code : status === 404 ? 34 : null;
    if (isThere.has(id) || (code !== null && code !== 34)) continue;
    isThere.set(id, code === null);
  }
  return listed.filter((id) => isThere.get(id) === true).sort((a, b) => a - b);
}

const badItems = (requests: readonly SandboxRequest[], path: string): number =>
  requests
    .filter((request) => request.path.startsWith(path))
    .reduce((sum, { fault }) => sum + (fault?.kind === 'bad-items' ? fault.count : 0), 0);

const ascending = (ids: Iterable<number>) => [...ids].sort((a, b) => a - b);

describe('a TMDb that answers anything', () => {
  it('[R65] does not stop `npm start`: every good movie is in GOLD, every bad element is counted, exit code 0', async () => {
    using workspace = new Workspace({ TMDB_RATE_LIMIT: '400/1s', TMDB_TOKEN: 'made-up' });
    const requests: SandboxRequest[] = [];
    await using sandbox = await startSandbox({
      ...{ movies, seed, limit, faults: mixed },
      onRequest: (request) => requests.push(request),
    });
    const report = await workspace.runOnce(['--pages', 'all'], { TMDB_BASE_URL: sandbox.url });
    const good = goodMovies(requests);
    expect(good.length).toBeGreaterThan(movies * 0.9);
    expect(good.length).toBeLessThan(movies);
    expect(report.walk).toEqual({
      ...{ pagesRead: pages, pagesFailed: 0, found: movies, published: movies },
      itemsSkipped: badItems(requests, '/3/movie/popular'),
    });
    expect(report.walk.itemsSkipped).toBeGreaterThan(pages);
    expect(report.genres).toEqual({ published: true, rowsUnusable: badItems(requests, '/3/genre/'), failure: null });
    expect(report.movies).toMatchObject({ fetched: good.length, gone: movies - good.length, parked: 0 });
    // All requests to the sandbox were within its limit.
    expect(sandbox.stats().byStatus['429']).toBeUndefined();
    expect(ascending(await moviesIn(workspace.duckdbPath))).toEqual(good);
    await audit(workspace);
  });

  it('[R66] makes a run count unusable pages, and exit with 1 if no page is usable; the other stages do their work', async () => {
    using workspace = new Workspace({ TMDB_RATE_LIMIT: '400/1s', TMDB_TOKEN: 'made-up' });
    await using sandbox = await startSandbox({ movies: 40, seed, limit });
    const env = { TMDB_BASE_URL: sandbox.url };
    sandbox.setFaults([
      { kind: 'error-body', code: 34, path: popular },
      { kind: 'body', body: '{"genres":"none"}', path: genreLists },
    ]);
    const empty = await workspace.run(['run', '--once', '--pages', '2'], env);
    expect(empty.code, empty.stderr).toBe(1);
    expect(empty.stdout).toMatch(/0 found on 0 pages.*2 pages could not be used/);
    expect(empty.stdout).toContain('the list could not be used: genres is not a list');
    expect(empty.stderr).toContain('the popular list cannot be used');

    // Five attempts, and two probes of other pages of the list.
    sandbox.setFaults([
      { kind: 'body', body: '{"results":{}}', path: popular, times: 7 },
      { kind: 'body', body: '{"genres":"none"}', path: genreLists },
    ]);
    const first = await workspace.runOnce(['--pages', 'all'], env);
    expect(first.walk).toMatchObject({ pagesRead: 1, pagesFailed: 1, found: 20 });
    expect(first.genres).toMatchObject({ published: false, failure: expect.stringContaining('genres is not a list') });
    expect(rowsIn(first, 'gold.fact_movies')).toBe(first.movies.fetched);

    sandbox.setFaults([{ kind: 'error-body', code: 34, path: popular }]);
    await workspace.run(['replay', 'ids', '--all'], env);
    const last = await workspace.run(['run', '--once', '--pages', '2', '--json'], env);
    expect(last.code, last.stderr).toBe(1);
    const { walk, movies: outcomes, genres } = JSON.parse(last.stdout) as RunReport;
    expect(walk).toMatchObject({ pagesRead: 0, pagesFailed: 2, found: 0 });
    expect(outcomes.fetched + outcomes.gone).toBe(20);
    expect(genres).toMatchObject({ published: true, failure: null });
  });

  it('[R66] makes a run exit with 1 when the popular list fails during the walk; the movies of earlier pages are in GOLD', async () => {
    using workspace = new Workspace({
      ...{ TMDB_RATE_LIMIT: '400/1s', TMDB_TOKEN: 'made-up', TMDB_GIVE_UP_AFTER: '1s' },
    });
    const requests: SandboxRequest[] = [];
    await using sandbox = await startSandbox({
      ...{ movies: 60, seed, limit },
      onRequest: (request) => {
        requests.push(request);
        if (request.path.startsWith('/3/movie/popular')) {
          sandbox.setFaults([
            { kind: 'html', path: popular },
            { kind: 'status', status: 503, path: genreLists },
          ]);
        }
      },
    });
    const run = await workspace.run(['run', '--once', '--pages', 'all'], { TMDB_BASE_URL: sandbox.url });
    expect(run.code, run.stderr).toBe(1);
    expect(run.stderr).toMatch(/cannot be reached.*popular/);
    const inGold = await moviesIn(workspace.duckdbPath);
    expect(inGold.size).toBeGreaterThan(0);
    const described = requests.filter(({ path, status }) => status === 200 && /^\/3\/movie\/\d+$/.test(path));
    expect(ascending(inGold)).toEqual(ascending(new Set(described.map(({ path }) => Number(path.slice(9))))));
    await audit(workspace);
  });

  it('[R66] does not end a service of `run`: every good movie is in GOLD, and an outage of a list affects nothing else', async () => {
    await using bed = await openTestBed({
      limit,
      sandbox: { movies, seed, faults: mixed },
      env: { LOAD_MAX_AGE: '200ms', TRANSFORM_SCHEDULE: '*/2 * * * * *', TMDB_GIVE_UP_AFTER: '2s' },
      kafka: { 'group.initial.rebalance.delay.ms': '0' },
    });
    const service = bed.fleet.start('run', ['run', '--pages', 'all', '--popular-every', '5s', '--genres-every', '5s']);
    const check = () => bed.fleet.expectAllRunning();
    const gold = join(bed.workspace.dataDir, 'tmdb_gold.duckdb');
    const patience = { timeoutMs: 180_000, check };
    const isInGold = async () => {
      const seen = await moviesIn(gold).catch(() => new Set<number>());
      const good = goodMovies(bed.requests);
      return good.length > movies * 0.9 && ascending(seen).join() === good.join();
    };
    await until('every good movie is in GOLD', isInGold, patience);
    const skipped = () => service.metric('tmdb_list_items_skipped_total', { list: 'popular' });
    // Both numbers are equal between two walks.
    await until(
      'every bad element is counted',
      async () => (await skipped()) === badItems(bed.requests, '/3/movie/popular'),
      {
        ...patience,
        pollMs: 50,
      },
    );
    expect(await service.metric('tmdb_list_items_skipped_total', { list: 'genres' })).toBeGreaterThan(0);
    expect(await service.metric('tmdb_list_pages_failed_total')).toBe(0);

    const readyz = async () => (await service.get('/readyz')).text;
    bed.sandbox.setFaults([
      { kind: 'body', body: '{}', path: popular },
      { kind: 'status', status: 503, path: genreLists },
    ]);
    await until(
      'it says that both lists are out',
      async () => /none of \d+ pages.*cannot be reached/.test(await readyz()),
      patience,
    );
    expect(service.lines.filter(({ msg }) => msg === 'failed; retrying').length).toBeLessThan(6);
    bed.sandbox.setFaults([]);
    await until('it is ready again', async () => (await service.get('/readyz')).status === 200, patience);
    expect(service.lines.filter(({ msg }) => msg === 'works again').length).toBeGreaterThanOrEqual(2);
    expect(Object.values((await bed.fleet.drain()).codes)).toEqual([0]);
    await bed.audit({ onlyBronze: true });
  });
});
