import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { alertExpression } from '../support/deploy/alert-expression.ts';
import { evaluate, scrape } from '../support/deploy/promql.ts';
import { caughtUp } from '../support/processes/drained.ts';
import { type LogLine, type Service, until } from '../support/processes/fleet.ts';
import { SupervisedService } from '../support/processes/supervised-service.ts';
import { openTestBed, type TestBed } from '../support/processes/test-bed.ts';

/** How long the broker is away each time. */
const seconds = Number(process.env['OUTAGE_SECONDS'] ?? 6);
const outages = Number(process.env['OUTAGES'] ?? 1);
/** Longer than the sum of the limits of all waits below. */
const timeout = 600_000 + outages * (seconds + 120) * 1_000;

let bed: TestBed;
afterEach(() => bed[Symbol.asyncDispose]());

const limit = { capacity: 25, windowMs: 1_000 };
const fetched = () => bed.requests.filter(({ path }) => /^\/3\/movie\/\d+$/.test(path)).length;
const about = (lines: readonly LogLine[]) => lines.filter(({ msg }) => msg?.startsWith('Kafka is'));
const readiness = async (service: Service) => {
  const { status, text } = await service.get('/readyz');
  return { status, kafka: (JSON.parse(text) as { checks: Record<string, string> }).checks['kafka'] };
};

/** One of each kind: a producer that walks once an hour, a fetcher and a loader. */
const start = () => [
  new SupervisedService(bed.fleet, 'producer-popular', ['produce', 'popular', '--pages', '1', '--every', '1h']),
  new SupervisedService(bed.fleet, 'fetcher', ['fetch']),
  new SupervisedService(bed.fleet, 'loader', ['load']),
];

it('[R10 R23] services wait for a broker that is down under load, report it at once and only once, and lose nothing', {
  timeout,
}, async () => {
  // At 25 a second, ids are left to fetch until all services are ready after the last outage.
  const movies = 300 + (outages > 1 ? 1_600 : 200) * outages;
  bed = await openTestBed({ limit, sandbox: { movies, latencyMs: [20, 120] }, env: { KAFKA_SESSION_TIMEOUT: '6s' } });
  await bed.run('produce', 'popular', '--pages', String(movies / 20));
  const services = start();
  await until('50 movies are fetched', () => fetched() >= 50, { timeoutMs: 60_000 });
  await until(
    'all are ready',
    async () =>
      (await Promise.all(services.map(({ service }) => readiness(service)))).every(({ status }) => status === 200),
    { timeoutMs: 60_000 },
  );
  // The long form scrapes as often as deploy/prometheus/prometheus.yml.
  await using scraped = scrape(
    services.map(({ service }) => service),
    seconds < 60 ? 500 : 15_000,
  );
  const pending = (alert: string) => evaluate(alertExpression(alert), scraped.series, Date.now());
  await until('every service is scraped', () => evaluate('up == 1', scraped.series, Date.now()).length === 3, {
    timeoutMs: 30_000,
  });
  expect(pending('TmdbNotReady')).toEqual([]);
  const before = services.map(({ service }) => service.lines.length);
  for (let outage = 1; outage <= outages; outage += 1) {
    await bed.broker.stop(true);
    const stoppedAt = performance.now();
    for (const { service } of services) {
      const isNotReady = async () => (await readiness(service)).status === 503;
      await until(`${service.name} is not ready`, isNotReady, { timeoutMs: 10_000, pollMs: 50 });
      expect(await readiness(service)).toMatchObject({
        kafka: expect.stringMatching(/Connection|connect|coordinator/),
      });
    }
    const noticedMs = performance.now() - stoppedAt;
    await delay(Math.max(0, seconds * 1_000 - noticedMs));
    for (const { service } of services) {
      expect(await service.metric('tmdb_ready', { dependency: 'kafka' })).toBe(0);
      expect(await service.get('/healthz')).toMatchObject({ status: 200 });
    }
    const waiting = services.map(({ name }) => ({ labels: { service: name, dependency: 'kafka' }, value: 0 }));
    expect(pending('TmdbNotReady')).toEqual(expect.arrayContaining(waiting));
    const requests = fetched();
    const backAt = performance.now();
    await bed.broker.start();
    const startedAt = performance.now();
    await until('50 more movies are fetched', () => fetched() > requests + 50, { timeoutMs: 60_000, pollMs: 50 });
    const isReady = async ({ service }: SupervisedService) => (await readiness(service)).status === 200;
    await until('all are ready again', async () => (await Promise.all(services.map(isReady))).every(Boolean), {
      timeoutMs: 60_000,
    });
    process.stdout.write(
      `not ready after ${Math.round(noticedMs)} ms; at work ${Math.round(performance.now() - startedAt)} ms after the broker, which took ${Math.round(startedAt - backAt)} ms\n`,
    );
  }
  for (const [index, { service }] of services.entries()) {
    const since = service.lines.slice(before[index]);
    const expected = Array.from({ length: outages }, () => [
      'Kafka is out of reach, waiting for it',
      'Kafka is back',
    ]).flat();
    expect(
      about(since).map(({ msg }) => msg),
      service.tail(),
    ).toEqual(expected);
    expect(about(since).every(({ level }) => level === 40)).toBe(true);
    // The loader logs its batches, and kafkajs logs nothing.
    expect(since.filter(({ kafkajs }) => kafkajs !== undefined)).toEqual([]);
  }
  expect(pending('TmdbServiceRestarts')).toEqual([]);
  expect(services.flatMap(({ deaths }) => deaths)).toEqual([]);
  await caughtUp(bed.broker.address, 600_000);
  await until(
    'all answers are loaded',
    () =>
      bed.audit({ onlyBronze: true }).then(
        () => true,
        () => false,
      ),
    { timeoutMs: 120_000, pollMs: 1_000 },
  );
  expect(await Promise.all(services.map((service) => service.end()))).toEqual([0, 0, 0]);
  process.stdout.write(`${(fetched() / movies).toFixed(3)} requests per id\n`);
  expect(fetched() / movies).toBeLessThanOrEqual(1.1);
});

it('[R23] services start while the broker is down; a command gives up in time and says what to do', {
  tags: ['full'],
}, async () => {
  bed = await openTestBed({ limit, sandbox: { movies: 100 } });
  await bed.broker.stop();
  const services = start();
  const command = bed.workspace.run(['fetch', '--once'], { KAFKA_BROKERS: bed.broker.address, TMDB_TOKEN: 'any' });
  for (const { service } of services) {
    const says = async () => (await readiness(service)).kafka?.startsWith('not connected yet: ') ?? false;
    await until(`${service.name} says what it waits for`, says, { timeoutMs: 30_000 });
    expect((await readiness(service)).status).toBe(503);
  }
  const { code, stderr } = await command;
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('start Kafka, or correct KAFKA_BROKERS'),
  });
  // A service that is told to stop while it waits exits with 0.
  const [producer] = services;
  expect(await producer?.end()).toBe(0);
  await bed.broker.start();
  await until('it fetches', () => bed.run('produce', 'popular', '--pages', '1').then(() => true), {
    timeoutMs: 60_000,
  });
  await until('it fetches', () => fetched() >= 20, { timeoutMs: 60_000 });
  expect(services.flatMap(({ deaths }) => deaths)).toEqual([]);
});
