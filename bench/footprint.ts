/**
 * Does a service's memory grow with the work that it has done, and what does an idle service cost?
 *
 *   npm run bench -- footprint [--movies 100000] [--json]
 *
 * A tenth of the movies goes through the fleet, resident memory is measured, then the rest, and it is measured again. The
 * yardstick is the first figure; the target is 1.3 times that. Then the fleet is idle, and its CPU time is measured for
 * 30 seconds; the target is 3 % of a core. A process's children (dbt) are included. Linux only: it reads /proc.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../runtime/clock.ts';
import { statFields } from '../runtime/process-identity.ts';
import { createProgress } from '../runtime/progress.ts';
import { formatTable } from '../runtime/table.ts';
import { GeneratedCatalogue } from '../sandbox/catalogue-generated.ts';
import { startSandbox } from '../sandbox/server.ts';
import { cpuTime } from '../test/runner/cpu-time.ts';
import { Fleet, type Service, until } from '../test/support/processes/fleet.ts';
import { childrenOf } from '../test/support/processes/process-tree.ts';
import { RedisServer } from '../test/support/token-bucket/redis.ts';
import { openFixture } from './support/fleet-bench.ts';

const { values } = parseArgs({
  options: { movies: { type: 'string', default: '100000' }, json: { type: 'boolean', default: false } },
});
const movies = Number(values.movies);
const idleSeconds = 30;
const limit = { capacity: 5_000, windowMs: 1_000 };
const catalogue = new GeneratedCatalogue({ seed: 1, movies });

await using fixture = await openFixture();
await using redis = await RedisServer.start();
await using sandbox = await startSandbox({ movies, limit });
await using fleet = new Fleet({
  DATA_DIR: fixture.folder,
  KAFKA_BROKERS: fixture.brokers,
  TMDB_BASE_URL: sandbox.url,
  TMDB_TOKEN: 'bench',
  TMDB_RATE_LIMIT: '5000/1s',
  TOKEN_BUCKET_URL: redis.url,
  TRANSFORM_SCHEDULE: '*/5 * * * * *',
});
const services = [
  fleet.start('producer-popular', ['produce', 'popular', '--every', '1h', '--pages', '1']),
  fleet.start('fetcher', ['fetch']),
  fleet.start('loader', ['load']),
  fleet.start('scheduler', ['schedule']),
];
const loader = services[2] as Service;
const scheduler = services[3] as Service;
using progress = createProgress(process.stderr, systemClock);

/** A process and all its descendants. */
const family = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(family)];

const residentMb = ({ pid }: Service): number =>
  family(pid).reduce((sum, member) => sum + Number(statFields(member)[21] ?? 0) * 4_096, 0) / 1e6;
const cpuSeconds = ({ pid }: Service): number =>
  family(pid).reduce((sum, member) => sum + (cpuTime(member)?.self ?? 0), 0);

/** Publishes the movies of these ranks and waits until dbt has them in GOLD. */
async function walkThrough(from: number, to: number): Promise<void> {
  const ids = Array.from({ length: to - from }, (_, index) => catalogue.idAtRank(from + index));
  for (let start = 0; start < ids.length; start += 5_000) await fixture.publish(ids.slice(start, start + 5_000));
  await until(
    `${to} rows in BRONZE`,
    async () => {
      const rows = await loader.metric('tmdb_bronze_rows_total');
      progress.update('footprint', { done: rows, total: movies, unit: 'movies' });
      return rows >= to;
    },
    { timeoutMs: 1_800_000, check: () => fleet.expectAllRunning() },
  );
  const runs = await scheduler.metric('tmdb_dbt_runs_total', { status: 'skipped' });
  await until(
    'dbt has nothing left to do',
    async () => {
      return (await scheduler.metric('tmdb_dbt_runs_total', { status: 'skipped' })) >= runs + 2;
    },
    { timeoutMs: 600_000 },
  );
}

await walkThrough(0, movies / 10);
const early = services.map(residentMb);
await walkThrough(movies / 10, movies);
const late = services.map(residentMb);
const cpuBefore = services.map(cpuSeconds);
await systemClock.sleep(idleSeconds * 1_000);
const cpuAfter = services.map(cpuSeconds);
await fleet.drain();
progress[Symbol.dispose]();
const rows = services.map(({ name }, index) => ({
  service: name,
  'MB after a tenth': Math.round(early[index] ?? 0),
  'MB after all': Math.round(late[index] ?? 0),
  ratio: Number(((late[index] ?? 0) / (early[index] ?? 1)).toFixed(2)),
  'idle CPU %': Number(((((cpuAfter[index] ?? 0) - (cpuBefore[index] ?? 0)) / idleSeconds) * 100).toFixed(2)),
}));
process.stdout.write(`${values.json ? JSON.stringify(rows) : `${movies} movies\n${formatTable(rows)}`}\n`);
