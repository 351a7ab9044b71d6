import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import { type Sandbox, type SandboxRequest, startSandbox } from '../../sandbox/server.ts';
import { audit } from '../support/audit/audit.ts';
import { Workspace } from '../support/processes/cli.ts';
import { cpuWaitMs } from '../support/processes/cpu-wait.ts';
import { caughtUp } from '../support/processes/drained.ts';
import { Fleet, FleetBroker, until } from '../support/processes/fleet.ts';
import { jainIndex } from '../support/token-bucket/jain-index.ts';
import { RedisServer } from '../support/token-bucket/redis.ts';
import { isLongForm } from '../tiers.ts';

const canary = 'canary-5d0c1f77';
/** The rate is the same in both tiers: six windows of movies in `npm test`, twelve in `npm run test:full`. */
const limit = isLongForm ? { capacity: 200, windowMs: 5_000 } : { capacity: 120, windowMs: 3_000 };
const movies = limit.capacity * (isLongForm ? 12 : 6);
/** The number of listed movies that still exist; a few have been deleted. */
const alive = (() => {
  const catalogue = new GeneratedCatalogue({ seed: 1, movies });
  return Array.from({ length: movies }, (_, rank) => catalogue.idAtRank(rank)).filter((id) => !catalogue.isDeleted(id))
    .length;
})();
/** If the fetchers wait for a CPU for more than this share of the time, the machine limits the rate, and the use of the limit shows nothing. */
const mostWaiting = 0.25;
const detail = /^\/3\/movie\/(\d+)$/;

describe('a fleet of services', () => {
  let workspace: Workspace;
  let sandbox: Sandbox;
  let broker: FleetBroker;
  let redis: RedisServer;
  let fleet: Fleet;
  let seen: SandboxRequest[];

  beforeEach(async () => {
    workspace = new Workspace();
    seen = [];
    sandbox = await startSandbox({
      movies,
      limit,
      latencyMs: [20, 120],
      // Some answers take longer than a group needs to notice that a member has left.
      faults: [{ kind: 'delay', ms: 2_500, rate: 0.02, path: '/movie/{id}' }],
      token: canary,
      onRequest: (request) => seen.push(request),
    });
    [broker, redis] = await Promise.all([FleetBroker.start(join(workspace.dataDir, 'kafka')), RedisServer.start()]);
    fleet = new Fleet({
      DATA_DIR: workspace.dataDir,
      KAFKA_BROKERS: broker.address,
      TMDB_BASE_URL: sandbox.url,
      TMDB_TOKEN: canary,
      TMDB_RATE_LIMIT: `${limit.capacity}/${limit.windowMs / 1_000}s`,
      TOKEN_BUCKET_URL: redis.url,
      TRANSFORM_SCHEDULE: isLongForm ? '*/2 * * * * *' : '*/5 * * * * *',
      DRAIN_TIMEOUT: '25s',
    });
  });
  afterEach(async () => {
    await fleet[Symbol.asyncDispose]();
    await Promise.all([redis[Symbol.asyncDispose](), broker[Symbol.asyncDispose](), sandbox[Symbol.asyncDispose]()]);
    workspace[Symbol.dispose]();
  });

  const detailsSeen = () => seen.flatMap(({ path, status }) => (status === 200 ? (detail.exec(path)?.[1] ?? []) : []));
  const timesOver = () => detailsSeen().length - new Set(detailsSeen()).size;
  /**
   * The fleet. In `npm test`, it has one loader, one fetcher after the drain, and no scheduler (see `integration/schedule`): each process
   * costs a second of CPU time, and each build five.
   */
  const startAll = ({ hasResumed = false } = {}) => {
    const producer = fleet.start('producer-popular', [
      'produce',
      'popular',
      '--every',
      '1h',
      '--pages',
      String(movies / 20),
    ]);
    const genres = fleet.start('producer-genres', ['produce', 'genres', '--every', '24h']);
    const fetchers = fleet.startMany(isLongForm || !hasResumed ? 4 : 1, 'fetcher', ['fetch']);
    const loaders = fleet.startMany(isLongForm ? 2 : 1, 'loader', ['load']);
    const schedulers = isLongForm ? [fleet.start('scheduler', ['schedule'])] : [];
    return { producer, genres, fetchers, loaders, schedulers };
  };
  const expectAllZero = (codes: Readonly<Record<string, number | null>>) => {
    const bad = fleet.services.filter(({ name }) => codes[name] !== undefined && codes[name] !== 0);
    const lastLines = bad.map((service) => `${service.name}: ${codes[service.name]}\n${service.tail()}`);
    expect(lastLines).toEqual([]);
  };
  /** The number of movies in the copy that readers open; 0 before the copy exists. */
  const publishedMovies = async (): Promise<number> => {
    const path = join(workspace.dataDir, 'tmdb_gold.duckdb');
    const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' }).catch(() => null);
    if (!instance) return 0;
    const connection = await instance.connect();
    const rows = await connection.runAndReadAll('select count(*)::integer from gold.fact_movies');
    connection.closeSync();
    instance.closeSync();
    return Number(rows.getRows()[0]?.[0]);
  };
  const allInGold = (timeoutMs: number, check: () => void) =>
    until(`all ${alive} movies in the published GOLD`, async () => (await publishedMovies()) === alive, {
      timeoutMs,
      check,
    });

  /** `status` knows that no id waits, the tokens and the layers. */
  const statusIsRight = async () => {
    const readStatus = () =>
      workspace.run(['status', '--json'], {
        KAFKA_BROKERS: broker.address,
        TMDB_BASE_URL: sandbox.url,
        TMDB_TOKEN: canary,
        TOKEN_BUCKET_URL: redis.url,
      });
    let status = await readStatus();
    // It may come while dbt or a loader has the file.
    for (let tries = 1; status.code !== 0 && tries < 5; tries += 1) status = await readStatus();
    expect(status.code, status.stderr + status.stdout).toBe(0);
    const { topics, tokens, layers } = JSON.parse(status.stdout);
    expect(topics[0]).toMatchObject({ topic: 'tmdb.movie-ids', waiting: 0, oldestWaitingSeconds: 0 });
    expect(tokens).toMatchObject({ capacity: limit.capacity });
    expect(layers).toHaveLength(isLongForm ? 3 : 1);
  };

  it('[P3 R5 S1] uses the whole limit and no more, shares it fairly, drains, and resumes', async () => {
    const first = startAll();
    await until('one movie in six is fetched', async () => detailsSeen().length > movies / 6, {
      timeoutMs: 90_000,
      check: () => fleet.expectAllRunning(),
    });
    const before = seen.length;
    const pids = first.fetchers.map(({ pid }) => pid);
    const [waitedBefore, measuredFrom] = [cpuWaitMs(pids), performance.now()];
    // Several windows under load: every fetcher always has ids waiting.
    await until(`${movies / 2} requests later`, () => seen.length > before + movies / 2, {
      timeoutMs: 120_000,
      check: () => fleet.expectAllRunning(),
    });
    const waitedMs = (cpuWaitMs(pids) ?? 0) - (waitedBefore ?? 0);
    const waiting = waitedMs / pids.length / (performance.now() - measuredFrom);
    const arrivals = seen.map(({ arrivedAtMs }) => arrivedAtMs).sort((a, b) => a - b);
    const windows = ((arrivals[before + movies / 2] ?? Number.NaN) - (arrivals[before] ?? Number.NaN)) / limit.windowMs;
    const used = movies / 2 / (windows * limit.capacity);
    const shares = await Promise.all(
      first.fetchers.map((fetcher) => fetcher.metric('tmdb_requests_total', { endpoint: 'movie' })),
    );
    for (const service of fleet.running) {
      expect(await service.get('/healthz'), service.name).toMatchObject({ status: 200 });
      // A loader is not ready while it waits for dbt, which holds the DuckDB file.
      await until(`${service.name} is ready`, async () => (await service.get('/readyz'))?.status === 200, {
        timeoutMs: 30_000,
      });
    }

    const { codes, seconds } = await fleet.drain();
    expectAllZero(codes);
    const drained = detailsSeen().length;
    expect(drained).toBeLessThan(movies);

    startAll({ hasResumed: true });
    const isRight = () => fleet.expectAllRunning(Object.values(first).flat());
    if (isLongForm) await allInGold(180_000, isRight);
    else await caughtUp(broker.address, 120_000);
    isRight();
    await statusIsRight();
    expectAllZero((await fleet.drain()).codes);

    const { byStatus, maxInAnyWindow } = sandbox.stats();
    const fairness = jainIndex(shares);
    process.stdout.write(
      `limit used ${(used * 100).toFixed(1)} %, waiting for a CPU ${(waiting * 100).toFixed(1)} %, most in any window ${maxInAnyWindow} of ${limit.capacity}, fairness ${fairness.toFixed(4)}, drained in ${seconds.toFixed(1)} s, fetched twice ${timesOver()}\n`,
    );
    expect(byStatus['429']).toBeUndefined();
    expect(maxInAnyWindow).toBeLessThanOrEqual(limit.capacity);
    if (waiting < mostWaiting) expect(used).toBeGreaterThan(0.9);
    expect(fairness).toBeGreaterThan(0.98);
    expect(timesOver()).toBe(0);
    expect(fleet.services.flatMap(({ noise }) => noise)).toEqual([]);
    expect(JSON.stringify(fleet.services.map(({ lines }) => lines))).not.toContain(canary);
    await broker.stop();
    await audit(workspace, { onlyBronze: !isLongForm });
  });

  it('[P14 R10 R11] recovers without help when members are killed, the store is emptied and the broker restarts', {
    tags: ['full'],
  }, async () => {
    const { producer, genres, fetchers, loaders, schedulers } = startAll();
    const killed = [...fetchers.slice(0, 2), ...loaders.slice(0, 1)];
    const others = () => fleet.expectAllRunning(killed);
    const progress = (requests: number) =>
      until(`${requests} details`, () => detailsSeen().length >= requests, { timeoutMs: 120_000, check: others });
    await progress(movies / 6);
    for (const service of killed) service.kill('SIGKILL');
    await progress(movies / 3);
    await redis.kill();
    await redis.start();
    await progress(movies / 2);
    await broker.stop(true);
    await broker.start();
    await allInGold(240_000, others);
    for (const { pid } of [producer, genres, ...schedulers]) {
      expect(execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' })).not.toContain(canary);
    }
    const { codes } = await fleet.drain();
    expectAllZero(codes);
    const { byStatus, maxInAnyWindow } = sandbox.stats();
    process.stdout.write(
      `most in any window ${maxInAnyWindow} of ${limit.capacity}; fetched again ${timesOver()} of ${movies}\n`,
    );
    expect(byStatus['429']).toBeUndefined();
    expect(maxInAnyWindow).toBeLessThanOrEqual(limit.capacity);
    await broker.stop();
    const found = await audit(workspace);
    expect(found.movies).toBe(movies);
  });
});
