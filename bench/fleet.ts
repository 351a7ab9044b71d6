/**
 * How much of a shared limit does a fleet of fetchers use, is it shared fairly, and does a strict server ever refuse?
 *
 *   npm run bench -- fleet [--seconds 120] [--limit 400/10s] [--only NAME] [--json]
 *
 * Each fetcher is a process, with a real broker and a real Redis; the sandbox counts a sliding window. In the last scenario, the producers
 * of popular and changed movies and of the export start at once, each as a process: their requests to TMDb's lists count as well. The
 * yardstick is the limit itself: after `requests` requests, a multiple of the capacity, the next can start
 * requests / capacity windows after the first at the earliest.
 * A token is used for one window plus the time from its grant to its answer, so window / (window + answer time) is the
 * maximum: 99.3 % at 400/10s and 70 ms, but 93.5 % at 40/1s.
 */
import { parseArgs } from 'node:util';
import { createGroups } from '../kafka/groups.ts';
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

/** Of the topics and groups of the scenario with all producers. */
const prefix = 'producers.';

const bestSeconds = ((requests / limit.capacity) * limit.windowMs) / 1_000;

/** One in ten takes longer, up to three seconds. */
const tail: readonly Fault[] = [
  { kind: 'delay', ms: 500, rate: 0.05 },
  { kind: 'delay', ms: 1000, rate: 0.03 },
  { kind: 'delay', ms: 2900, rate: 0.02 },
];

/** As many ids as in the catalogue, published by the producers; from the benchmark, as many as are needed. */
const movies = 20_000;

/** The producers that run beside the fetchers. */
const producers = [
  ['produce', 'popular', '--pages', 'all', '--every', '6h'],
  ['produce', 'changes', '--every', '6h'],
  ['produce', 'export', '--every', '24h'],
] as const;

interface Scenario {
  readonly name: string;
  readonly fetchers: number;
  /** The number of partitions that receive ids; each of four fetchers has one partition. */
  readonly busy: number;
  readonly tail: readonly Fault[];
  /** Whether all producers publish the ids, instead of the benchmark. */
  readonly hasProducers?: boolean;
}

const all: readonly Scenario[] = [
  { name: '1 fetcher', fetchers: 1, busy: partitions, tail: [] },
  { name: '2 fetchers', fetchers: 2, busy: partitions, tail: [] },
  { name: '4 fetchers', fetchers: 4, busy: partitions, tail: [] },
  { name: '1 busy of 4', fetchers: 4, busy: 1, tail: [] },
  { name: '4, tail to 3 s', fetchers: 4, busy: partitions, tail },
  { name: '4, all producers', fetchers: 4, busy: partitions, tail: [], hasProducers: true },
];
const scenarios = all.filter(({ name }) => values.only === undefined || name === values.only);

const catalogue = new GeneratedCatalogue({ seed: 1, movies });
using progress = createProgress(process.stderr, systemClock);

async function measure({ name, fetchers, busy, tail, hasProducers = false }: Scenario, fixture: Fixture) {
  const arrivals: number[] = [];
  await using redis = await RedisServer.start();
  await using sandbox = await startSandbox({
    movies,
    limit,
    latencyMs: [20, 120],
    faults: tail,
    // No limit counts requests for the export: its server is another one.
    onRequest: ({ path, arrivedAtMs }) => path.startsWith('/p/exports/') || arrivals.push(arrivedAtMs),
  });
  await using fleet = new Fleet({
    DATA_DIR: fixture.folder,
    KAFKA_BROKERS: fixture.brokers,
    TMDB_BASE_URL: sandbox.url,
    TMDB_TOKEN: 'bench',
    TMDB_RATE_LIMIT: values.limit,
    TOKEN_BUCKET_URL: redis.url,
    // Topics of their own: producers do not ask again for the movies of an earlier scenario.
    ...(hasProducers && { KAFKA_TOPIC_PREFIX: prefix }),
  });
  const started = fleet.startMany(fetchers, 'fetcher', ['fetch']);
  const groups = Object.values(createGroups(hasProducers ? prefix : '')).filter((group) => group.includes('fetcher'));
  await until('every fetcher has its partitions', () => haveJoined(started, groups), { timeoutMs: 60_000 });
  if (hasProducers) for (const args of producers) fleet.start(args.join(' '), args);
  else await publish(fixture, busy);
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

/** A few more than are counted, so that the request after the last counted one finds an id in any partition. */
const publish = (fixture: Fixture, busy: number): Promise<void> =>
  fixture.publish(
    Array.from({ length: requests + 2 * partitions }, (_, index) => catalogue.idAtRank(index % movies)),
    busy,
  );

const haveJoined = async (fetchers: Fleet['services'], groups: readonly string[]): Promise<boolean> => {
  const joins = fetchers.flatMap((fetcher) =>
    groups.map((group) => fetcher.metric('tmdb_rebalances_total', { group }).catch(() => 0)),
  );
  return (await Promise.all(joins)).every((count) => count > 0);
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
