import { afterEach, expect, it } from 'vitest';
import { readCoverage } from '../../pipeline/coverage.ts';
import { readExport, walkChanges, walkPopular } from '../../pipeline/discovery.ts';
import { fetchMovies } from '../../pipeline/fetch-movies.ts';
import { endsOf } from '../../pipeline/stages.ts';
import type { Context } from '../../platform/context.ts';
import { openPlatform, type Platform } from '../../platform/platform.ts';
import type { SandboxRequest } from '../../sandbox/server.ts';
import { movieIdCodec } from '../../schemas/codecs.ts';
import { idTopics } from '../../schemas/topics.ts';
import { uniqueName } from '../support/kafka/broker.ts';
import { Deployment } from '../support/kafka/deployment.ts';

const requests: SandboxRequest[] = [];
let deployment: Deployment;
afterEach(() => deployment[Symbol.asyncDispose]());

async function open(movies: number, env: Record<string, string> = {}): Promise<Context> {
  requests.length = 0;
  const sandbox = { movies, onRequest: (request: SandboxRequest) => requests.push(request) };
  deployment = await Deployment.open(`${uniqueName('discovery')}.`, 5, { sandbox, env });
  return deployment.context;
}

/** Runs `work` as a process would that starts now. */
async function started<T>(work: (platform: Platform, context: Context) => Promise<T>): Promise<T> {
  await using platform = openPlatform(deployment.context);
  return await work(platform, deployment.context);
}

/** The movies in each topic of ids. */
const published = () =>
  started(async (platform, { config }) => {
    const { cluster } = await platform.kafka();
    const ids: number[][] = [];
    for (const topic of idTopics(config.kafka.topics)) {
      const found: number[] = [];
      await cluster.readTopic(topic, ({ value }) => value && found.push(movieIdCodec.decode(value).movieId));
      ids.push(found);
    }
    return { first: ids[0] ?? [], backfill: ids[1] ?? [] };
  });

it('[P17] a process publishes what changed since the walk of an earlier process, and nothing twice', async () => {
  await open(2_000);
  const walk = await started(walkChanges);
  const lastDayEndedAt = new Date(new Date(Date.now() - 3_600_000).toISOString().slice(0, 10));
  expect(walk).toMatchObject({ days: 1, pagesRead: 2, lastDayEndedAt });
  expect(walk.published).toBeGreaterThan(5);
  expect((await published()).first).toHaveLength(walk.published);
  expect(await started(walkChanges)).toMatchObject({ days: 0, pagesRead: 0, published: 0 });
});

it('[P18 P16] the export goes to the backfill without what is known, and its server is sent no token', async () => {
  await open(300);
  await started((platform, context) => walkPopular(platform, context, 1));
  const { lines, published: inBackfill } = await started(readExport);
  const { first, backfill } = await published();
  expect(first).toHaveLength(20);
  expect(backfill).toHaveLength(inBackfill);
  expect(new Set([...first, ...backfill]).size).toBe(first.length + backfill.length);
  // The popular list also has movies that TMDb has deleted, which are in no export.
  expect(lines - backfill.length).toBeLessThanOrEqual(20);
  const [asked] = requests.filter(({ path }) => path.startsWith('/p/exports/'));
  expect(asked).toMatchObject({ hasAuthorization: false, hasApiKey: false });
  expect(await started(readExport)).toMatchObject({ lines: 0, published: 0 });
});

it('[R145] popular and changed movies that wait in the backfill are requested at once', async () => {
  await open(300);
  const { published: inBackfill } = await started(readExport);
  expect(inBackfill).toBeGreaterThan(290);
  const { found, published: changed } = await started(walkChanges);
  expect(changed).toBe(found);
  await started((platform, context) => walkPopular(platform, context, 1));
  expect((await published()).first).toEqual(expect.arrayContaining(await deployment.listed()));
});

const coverage = () => started((platform, context) => readCoverage(platform, context, { mostMissing: 5 }));

it('[P24] coverage says what is missing and why, until everything in the export is loaded', async () => {
  await open(60);
  expect(await coverage()).toMatchObject({ export: null, known: 0, neverFetched: 0, answerAge: null, missing: [] });
  const { published: movies } = await started(readExport);
  const nothing = { movies, answered: 0, missing: movies, share: 0, beyond: 0 };
  const before = await coverage();
  expect(before).toMatchObject({ export: nothing, known: movies, fetched: 0, gone: 0, neverFetched: movies });
  const [deleted, parked] = before.missing?.map(({ movieId }) => movieId) ?? [];
  deployment.sandbox.setMovies(new Map([[deleted ?? 0, 'deleted']]));
  await started(async (platform, context) => {
    const { cluster } = await platform.kafka();
    const { movieIds } = cluster.topics;
    const requestedAt = new Date();
    const wrong = { movieId: 1, reason: 'manual', page: null, rank: null, requestedAt } as const;
    await cluster.sink(movieIds).publish([{ key: String(parked), value: wrong }]);
    await fetchMovies(platform, context, await endsOf(platform, [movieIds]));
  });
  expect(await coverage()).toMatchObject({
    ...{
      parked: 1,
      neverFetched: movies,
      missing: expect.arrayContaining([{ movieId: parked, reason: 'id_mismatch' }]),
    },
  });
  await started(async (platform, context) =>
    fetchMovies(platform, context, await endsOf(platform, [context.config.kafka.topics.movieIdsBackfill])),
  );
  await deployment.load();
  expect(await coverage()).toMatchObject({
    export: { movies, answered: movies, missing: 0, share: 1, beyond: 0 },
    ...{ known: movies, fetched: movies - 1, gone: 1, neverFetched: 0, parked: 0, missing: [], advice: [] },
  });
});

it('[R133] a popular id behind a full backfill is requested within one window, and the backfill continues', async () => {
  const windowMs = 2_000;
  const context = await open(300, { TMDB_RATE_LIMIT: `10/${windowMs}ms`, TMDB_CONCURRENCY: '8' });
  await started(readExport);
  const stop = new AbortController();
  await using platform = openPlatform(context);
  const fetching = fetchMovies(platform, { ...context, signal: stop.signal });
  const details = () => requests.filter(({ path }) => /^\/3\/movie\/\d+$/.test(path));
  await expect.poll(() => details().length, { timeout: 20_000 }).toBeGreaterThan(10);
  const { cluster } = await platform.kafka();
  const movieIds = [11, 12, 13, 14, 15];
  const requestedAt = new Date();
  const publishedAt = performance.now();
  await cluster.sink(cluster.topics.movieIds).publish(
    movieIds.map((movieId) => ({
      key: String(movieId),
      value: { movieId, reason: 'popular', page: 1, rank: 1, requestedAt },
    })),
  );
  const ofPopular = () => details().filter(({ path }) => movieIds.some((id) => path === `/3/movie/${id}`));
  await expect.poll(() => ofPopular().length, { timeout: 20_000 }).toBe(movieIds.length);
  expect((ofPopular()[0]?.arrivedAtMs ?? 0) - publishedAt).toBeLessThan(windowMs);
  const before = details().length;
  await expect.poll(() => details().length, { timeout: 20_000 }).toBeGreaterThan(before + 5);
  stop.abort();
  await fetching;
});
