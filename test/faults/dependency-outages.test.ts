import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { alertExpression } from '../support/deploy/alert-expression.ts';
import { evaluate, type ScrapedSeries, scrape } from '../support/deploy/promql.ts';
import { until } from '../support/processes/fleet.ts';
import { SupervisedService } from '../support/processes/supervised-service.ts';
import { openTestBed, type TestBed } from '../support/processes/test-bed.ts';

/** How long TMDb refuses the token. */
const refusedSeconds = Number(process.env['REFUSED_SECONDS'] ?? 5);
/** How long the token store is down. */
const awaySeconds = Number(process.env['STORE_AWAY_SECONDS'] ?? 5);
/** The long form scrapes as often as deploy/prometheus/prometheus.yml. */
const scrapeMs = refusedSeconds < 60 ? 500 : 15_000;
const limit = { capacity: 25, windowMs: 1_000 };
const movies = 500;

let bed: TestBed;
let services: readonly SupervisedService[];

beforeEach(async () => {
  bed = await openTestBed({ limit, sandbox: { movies, latencyMs: [20, 120] } });
  await bed.run('produce', 'popular', '--pages', String(movies / 20));
  services = [
    new SupervisedService(bed.fleet, 'producer', ['produce', 'popular', '--pages', '1', '--every', '1s']),
    new SupervisedService(bed.fleet, 'fetcher', ['fetch']),
    new SupervisedService(bed.fleet, 'loader', ['load']),
  ];
  await until('details are fetched', () => fetched() >= 50, { timeoutMs: 60_000 });
});
afterEach(() => bed[Symbol.asyncDispose]());

const details = () => bed.requests.filter(({ path }) => /^\/3\/movie\/\d+$/.test(path));
/** Movies that were answered: some of the listed ones are deleted. */
const fetched = () =>
  new Set(details().flatMap(({ path, status }) => (status === 200 || status === 404 ? [path] : []))).size;

/** Expects that every process still runs, everything is fetched and loaded, and the audit is clean. */
async function expectNothingLost(): Promise<void> {
  await until('everything is fetched', () => fetched() >= movies, { timeoutMs: 120_000 });
  expect(services.flatMap(({ deaths }) => deaths)).toEqual([]);
  const isLoaded = () =>
    bed.audit({ onlyBronze: true }).then(
      () => true,
      () => false,
    );
  await until('everything is loaded', isLoaded, { timeoutMs: 60_000, pollMs: 1_000 });
  expect(await Promise.all(services.map((service) => service.end()))).toEqual([0, 0, 0]);
}

const alerts = (name: string, series: ScrapedSeries) => evaluate(alertExpression(name), series, Date.now());

it('a fleet waits while TMDb refuses the token, sends at most one request a minute from each process, and the alert becomes pending', {
  tags: ['full'],
  timeout: 600_000 + refusedSeconds * 1_000,
}, async () => {
  await using scraped = scrape(
    services.map(({ service }) => service),
    scrapeMs,
  );
  bed.sandbox.setFaults([{ kind: 'status', status: 401, code: 7 }]);
  const isPending = () => alerts('TmdbCredentialsRefused', scraped.series).length > 0;
  await until('the alert is pending', isPending, { timeoutMs: 60_000 });
  const before = bed.requests.length;
  await delay(refusedSeconds * 1_000);
  // One request a minute from each process that calls TMDb, and one that was already due.
  expect(bed.requests.length - before).toBeLessThanOrEqual(2 * (1 + Math.ceil(refusedSeconds / 60)));
  expect(isPending()).toBe(true);
  expect(alerts('TmdbServiceRestarts', scraped.series)).toEqual([]);
  bed.sandbox.setFaults([]);
  await expectNothingLost();
});

it('a fleet waits while the token store is down, sends no request, and the alert becomes pending', {
  tags: ['full'],
  timeout: 600_000 + awaySeconds * 1_000,
}, async () => {
  await using scraped = scrape(
    services.map(({ service }) => service),
    scrapeMs,
  );
  await bed.redis.kill();
  const isPending = () => alerts('TmdbNotReady', scraped.series).some(({ labels }) => labels['service'] === 'fetcher');
  await until('the alert is pending', isPending, { timeoutMs: 60_000 });
  const before = bed.requests.length;
  await delay(awaySeconds * 1_000);
  expect(bed.requests.length).toBe(before);
  expect(isPending()).toBe(true);
  await bed.redis.start();
  await expectNothingLost();
  const { byStatus, maxInAnyWindow } = bed.sandbox.stats();
  expect(byStatus['429']).toBeUndefined();
  expect(maxInAnyWindow).toBeLessThanOrEqual(limit.capacity);
});
