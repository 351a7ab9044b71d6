/**
 * How much of a shared limit does a fleet of fetchers use, is it shared fairly, and does a strict server ever refuse?
 *
 *   npm run bench -- fleet [--seconds 120] [--limit 400/10s] [--only NAME] [--json]
 *
 * Each fetcher is a process, with a real broker and a real Redis; the sandbox counts a sliding window. The
 * yardstick is the limit itself: after `requests` requests, a multiple of the capacity, the next can start
 * requests / capacity windows after the first at the earliest.
 * A token is used for one window plus the time from its grant to its answer, so window / (window + answer time) is the
 * maximum: 99.3 % at 400/10s and 70 ms, but 93.5 % at 40/1s.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../runtime/clock.ts';
import { createProgress } from '../runtime/progress.ts';
import { formatTable } from '../runtime/table.ts';
import { parseRate } from '../runtime/units.ts';
import { GeneratedCatalogue } from '../sandbox/catalogue-generated.ts';
import type { Fault } from '../sandbox/fault.ts';
import { startSandbox } from '../sandbox/server.ts';
import { Fleet, until } from '../test/support/processes/fleet.ts';
import { jainIndex } from '../test/support/token-bucket/jain-index.ts';
import { RedisServer } from '../test/support/token-bucket/redis.ts';
import { type Fixture, openFixture, partitions } from './support/fleet-bench.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    limit: { type: 'string', default: '400/10s' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const limit = parseRate(values.limit) ?? { capacity: 400, windowMs: 10_000 };
/** A multiple of the capacity, so that the yardstick is a whole number of windows. */
const requests = Math.floor((Number(values.seconds) * 1_000) / limit.windowMs) * limit.capacity;

const bestSeconds = ((requests / limit.capacity) * limit.windowMs) / 1_000;

/** One in ten takes longer, up to three seconds. */
const tail: readonly Fault[] = [
  { kind: 'delay', ms: 500, rate: 0.05 },
  { kind: 'delay', ms: 1000, rate: 0.03 },
  { kind: 'delay', ms: 2900, rate: 0.02 },
];

/** `busy`: the number of partitions that receive ids; each of four fetchers has one partition. */
const scenarios = [
  { name: '1 fetcher', fetchers: 1, busy: partitions, tail: [] },
  { name: '2 fetchers', fetchers: 2, busy: partitions, tail: [] },
  { name: '4 fetchers', fetchers: 4, busy: partitions, tail: [] },
  { name: '1 busy of 4', fetchers: 4, busy: 1, tail: [] },
  { name: '4, tail to 3 s', fetchers: 4, busy: partitions, tail },
].filter(({ name }) => values.only === undefined || name === values.only);

const catalogue = new GeneratedCatalogue({ seed: 1, movies: 20_000 });
using progress = createProgress(process.stderr, systemClock);

async function measure({ name, fetchers, busy, tail }: (typeof scenarios)[number], fixture: Fixture) {
  const arrivals: number[] = [];
  await using redis = await RedisServer.start();
  await using sandbox = await startSandbox({
    movies: 20_000,
    limit,
    latencyMs: [20, 120],
    faults: tail,
    onRequest: ({ arrivedAtMs }) => arrivals.push(arrivedAtMs),
  });
  await using fleet = new Fleet({
    DATA_DIR: fixture.folder,
    KAFKA_BROKERS: fixture.brokers,
    TMDB_BASE_URL: sandbox.url,
    TMDB_TOKEN: 'bench',
    TMDB_RATE_LIMIT: values.limit,
    TOKEN_BUCKET_URL: redis.url,
  });
  const started = fleet.startMany(fetchers, 'fetcher', ['fetch']);
  await until('every fetcher has its partitions', () => haveJoined(started), { timeoutMs: 60_000 });
  // A few more, so that the request after the last counted one finds an id in any partition.
  const ids = Array.from({ length: requests + 2 * partitions }, (_, index) => catalogue.idAtRank(index % 20_000));
  await fixture.publish(ids, busy);
  await until(`${requests} requests (${name})`, () => isDone(name, arrivals), {
    timeoutMs: 60_000 + Number(values.seconds) * 3_000,
    check: () => fleet.expectAllRunning(),
  });
  const shares = await Promise.all(started.map((fetcher) => fetcher.metric('tmdb_requests_total')));
  await fleet.drain();
  const { byStatus, maxInAnyWindow } = sandbox.stats();
  arrivals.sort((a, b) => a - b);
  const seconds = ((arrivals[requests] ?? 0) - (arrivals[0] ?? 0)) / 1_000;
  return {
    fleet: name,
    requests,
    '429': byStatus['429'] ?? 0,
    'most in a window': maxInAnyWindow,
    seconds: Number(seconds.toFixed(2)),
    'limit used %': Number(((bestSeconds / seconds) * 100).toFixed(1)),
    'fairness (Jain)': busy === partitions ? Number(jainIndex(shares).toFixed(4)) : null,
  };
}

const haveJoined = async (fetchers: Fleet['services']): Promise<boolean> => {
  const joins = await Promise.all(fetchers.map((fetcher) => fetcher.metric('tmdb_rebalances_total').catch(() => 0)));
  return joins.every((count) => count > 0);
};

function isDone(name: string, arrivals: readonly number[]): boolean {
  progress.update(name, { done: arrivals.length, total: requests, unit: 'requests' });
  return arrivals.length > requests;
}

await using fixture = await openFixture();
const rows: Record<string, unknown>[] = [];
for (const scenario of scenarios) rows.push(await measure(scenario, fixture));
progress[Symbol.dispose]();
const note = `limit ${values.limit}, answers after 20-120 ms; the limit allows ${requests} requests in ${bestSeconds} s`;
process.stdout.write(`${values.json ? JSON.stringify(rows) : `${note}\n${formatTable(rows)}`}\n`);
