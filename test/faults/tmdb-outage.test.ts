import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import { type Service, until } from '../support/processes/fleet.ts';
import { SupervisedService } from '../support/processes/supervised-service.ts';
import { openTestBed, type TestBed } from '../support/processes/test-bed.ts';

/** How long each outage lasts. A service waits for longer than `TMDB_GIVE_UP_AFTER`, which is for commands that end. */
const seconds = Number(process.env['FAULT_SECONDS'] ?? 3);
const movies = 600;
const catalogue = new GeneratedCatalogue({ movies });
const listed = new Set(Array.from({ length: movies }, (_, rank) => `/3/movie/${catalogue.idAtRank(rank)}`));

let bed: TestBed;

beforeEach(async () => {
  bed = await openTestBed({
    limit: { capacity: 150, windowMs: 1_000 },
    sandbox: { movies, latencyMs: [5, 40] },
    env: { TMDB_GIVE_UP_AFTER: '1s' },
    kafka: { 'group.initial.rebalance.delay.ms': '0' },
  });
});
afterEach(() => bed[Symbol.asyncDispose]());

/** Waits until `/readyz` answers this. It reads the state of TMDb at another moment than `/metrics`. */
const isReadyAs = (service: Service, answer: object) =>
  vi.waitFor(async () => expect(JSON.parse((await service.get('/readyz')).text)).toMatchObject(answer), {
    timeout: 60_000,
    interval: 200,
  });

it('[P4 R45] an outage of TMDb leaves the queue in Kafka, uses no more memory, and parks nothing', async () => {
  await bed.run('produce', 'popular', '--pages', String(movies / 20));
  const fetcher = new SupervisedService(bed.fleet, 'fetcher', ['fetch']);
  /** The number of listed movies that were answered, including deleted ones. Probes request other movies too. */
  const fetched = () =>
    new Set(
      bed.requests
        .filter(({ status, path }) => (status === 200 || status === 404) && listed.has(path))
        .map(({ path }) => path),
    ).size;
  const memory = () =>
    Number(execFileSync('ps', ['-o', 'rss=', '-p', String(fetcher.service.pid)], { encoding: 'utf8' })) / 1_024;
  await until('100 movies are fetched', () => fetched() > 100, { timeoutMs: 60_000 });

  const before = { memory: memory(), requests: bed.requests.length };
  bed.sandbox.setFaults([{ kind: 'status', status: 503 }]);
  let most = before.memory;
  const end = performance.now() + seconds * 1_000;
  await until(
    'the outage has ended',
    () => {
      most = Math.max(most, memory());
      return performance.now() > end;
    },
    { timeoutMs: seconds * 1_000 + 5_000 },
  );
  const knocks = bed.requests.length - before.requests;
  bed.sandbox.setFaults([]);
  expect(fetcher.deaths.length).toBe(0);
  expect(most - before.memory).toBeLessThan(64);
  const sofar = fetched();
  await until('100 more movies are fetched', () => fetched() > sofar + 100, { timeoutMs: 60_000 });

  // An outage of the details alone: the fetcher logs once which endpoint is out, and waits.
  bed.sandbox.setFaults([{ kind: 'drop', path: '/movie/{id}' }]);
  const { service } = fetcher;
  const isOut = () => service.metric('tmdb_endpoint_out', { endpoint: 'movie', reason: 'unreachable' });
  await until('the metric reports the outage', async () => (await isOut()) === 1, { timeoutMs: 60_000 });
  await isReadyAs(service, {
    ok: false,
    checks: { tmdb_movie: expect.stringContaining('the connection failed'), tmdb_popular: 'ok' },
  });
  const over = performance.now() + seconds * 1_000;
  await until('the outage has lasted its time', () => performance.now() > over, { timeoutMs: seconds * 1_000 + 5_000 });
  expect((await service.get('/healthz')).status).toBe(200);
  expect(service.lines.filter(({ msg }) => msg === 'TMDb is out, waiting').length).toBeLessThanOrEqual(2);
  bed.sandbox.setFaults([]);
  await until('all movies are fetched', () => fetched() >= movies, { timeoutMs: 120_000 });
  await isReadyAs(service, { checks: { tmdb_movie: 'ok' } });
  expect(await isOut()).toBe(0);
  expect(await fetcher.end()).toBe(0);
  expect(fetcher.deaths).toEqual([]);
  await bed.run('load', '--once');
  const found = await bed.audit({ onlyBronze: true });
  process.stdout.write(
    `${knocks} requests in an outage of ${seconds} s, ${(most - before.memory).toFixed(0)} MB more, ` +
      `then ${JSON.stringify(found)}\n`,
  );
  expect(found).toMatchObject({ ids: movies, movies, parked: 0 });
  // A waiting slot retries at most as often as the backoff says, so there are few requests in total.
  expect(knocks).toBeLessThan(100 + seconds * 20);
});

it('[R40] a fetcher whose credentials are refused keeps running, is not ready, and retries once a minute', {
  tags: ['full'],
}, async () => {
  await bed.run('produce', 'popular', '--pages', '1');
  const before = bed.requests.length;
  bed.sandbox.setFaults([{ kind: 'status', status: 401 }]);
  const service = bed.fleet.start('fetcher', ['fetch']);
  const isRefused = () => service.metric('tmdb_endpoint_out', { endpoint: 'movie', reason: 'refused' });
  await until('the metric reports the refusal', async () => (await isRefused()) === 1, { timeoutMs: 60_000 });
  await isReadyAs(service, {
    ok: false,
    checks: { tmdb_movie: expect.stringContaining('TMDb refused the credentials (401)') },
  });
  await until('the fetcher sends a second request', () => bed.requests.length === before + 2, { timeoutMs: 90_000 });
  bed.sandbox.setFaults([]);
  await until('all 20 movies are fetched', async () => (await service.metric('tmdb_movies_total')) === 20, {
    timeoutMs: 90_000,
  });
  expect(bed.requests.length).toBe(before + 22);
  expect(await isRefused()).toBe(0);
  bed.fleet.expectAllRunning();
});
