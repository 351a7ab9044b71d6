/**
 * How long does it take from a published id until its movie is in the published GOLD?
 *
 *   npm run bench -- freshness [--seconds 600] [--rate 4] [--json]
 *
 * One fetcher, one loader, one scheduler at its shortest schedule, on DuckDB with a warm dbt; the limit (400 in 10 s)
 * is not measured. A reader opens each published copy of GOLD as soon as it exists. The yardstick, measured in
 * the same run, is one dbt build: an id waits for the build in progress and then for its own.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { systemClock } from '../runtime/clock.ts';
import { createProgress } from '../runtime/progress.ts';
import { GeneratedCatalogue } from '../sandbox/catalogue-generated.ts';
import { startSandbox } from '../sandbox/server.ts';
import { Fleet, type Service, until } from '../test/support/processes/fleet.ts';
import { openFixture } from './support/fleet-bench.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    rate: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
});
const [seconds, perSecond] = [Number(values.seconds), Number(values.rate)];
const total = seconds * perSecond;
const limit = { capacity: 400, windowMs: 10_000 };
const catalogue = new GeneratedCatalogue({ seed: 1, movies: 2 * total });
/** Deleted movies never reach GOLD. */
const ids = Array.from({ length: 2 * total }, (_, rank) => catalogue.idAtRank(rank))
  .filter((id) => !catalogue.isDeleted(id))
  .slice(0, total);

await using fixture = await openFixture();
await using sandbox = await startSandbox({ movies: 2 * total, limit, latencyMs: [20, 120] });
await using fleet = new Fleet({
  DATA_DIR: fixture.folder,
  KAFKA_BROKERS: fixture.brokers,
  TMDB_BASE_URL: sandbox.url,
  TMDB_TOKEN: 'bench',
  TMDB_RATE_LIMIT: '400/10s',
  TRANSFORM_SCHEDULE: '* * * * * *',
  LOAD_MAX_AGE: '200ms',
});
const [, , scheduler] = [
  fleet.start('fetcher', ['fetch']),
  fleet.start('loader', ['load']),
  fleet.start('scheduler', ['schedule']),
] as const;

const goldPath = join(fixture.folder, 'tmdb_gold.duckdb');
const publishedAt = new Map<number, number>();
const waitedMs = new Map<number, number>();
let seenVersion = '';

/** Records the movies that are new in the published copy, if there is a new one. */
async function look(): Promise<void> {
  const stats = statSync(goldPath, { throwIfNoEntry: false, bigint: true });
  const version = `${stats?.ino}/${stats?.mtimeNs}`;
  if (!stats || version === seenVersion) return;
  seenVersion = version;
  const instance = await DuckDBInstance.create(goldPath, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const rows = await connection.runAndReadAll('select movie_id from gold.fact_movies');
  const now = performance.now();
  connection.closeSync();
  instance.closeSync();
  for (const [id] of rows.getRows()) {
    const movieId = Number(id);
    const at = publishedAt.get(movieId);
    if (at !== undefined && !waitedMs.has(movieId)) waitedMs.set(movieId, now - at);
  }
}

async function publishOne(index: number): Promise<void> {
  const movieId = ids[index] ?? 0;
  publishedAt.set(movieId, performance.now());
  await fixture.publish([movieId]);
}

using progress = createProgress(process.stderr, systemClock);
const seen = (count: number, timeoutMs: number) =>
  until(
    `${count} movies in GOLD`,
    async () => {
      await look();
      progress.update('freshness', { done: waitedMs.size, total, unit: 'movies', maxPerSecond: perSecond });
      return waitedMs.size >= count;
    },
    { timeoutMs, check: () => fleet.expectAllRunning(), pollMs: 20 },
  );

// The first movie waits for consumers to join and for dbt's first, full build, so it is not representative.
const warmUp = Math.min(perSecond, total);
for (let rank = 0; rank < warmUp; rank += 1) await publishOne(rank);
await seen(warmUp, 120_000);
waitedMs.clear();
const started = performance.now();
const publishing = (async () => {
  for (let rank = warmUp; rank < total; rank += 1) {
    const dueAt = started + ((rank - warmUp) / perSecond) * 1_000;
    await systemClock.sleep(Math.max(0, dueAt - performance.now()));
    await publishOne(rank);
  }
})();
await seen(total - warmUp, (seconds + 120) * 1_000);
await publishing;
const buildSeconds = secondsOf(scheduler);
await fleet.drain();
progress[Symbol.dispose]();

function secondsOf({ lines }: Service): number[] {
  return lines
    .filter(({ msg, reason }) => msg === 'dbt ran' && reason === 'new batches')
    .map((line) => Number(line['seconds']));
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
const waits = [...waitedMs.values()].map((ms) => ms / 1_000).sort((a, b) => a - b);
const build = quantile(
  buildSeconds.sort((a, b) => a - b),
  0.5,
);
const result = {
  movies: waits.length,
  p50: quantile(waits, 0.5),
  p90: quantile(waits, 0.9),
  p99: quantile(waits, 0.99),
  slowest: waits.at(-1),
  builds: buildSeconds.length,
  buildSeconds: build,
  p50InBuilds: quantile(waits, 0.5) / build,
};
const text = `${result.movies} movies at ${perSecond}/s, from published id to published GOLD
p50   ${result.p50.toFixed(2)} s (aim 2.5), ${result.p50InBuilds.toFixed(2)} builds
p90   ${result.p90.toFixed(2)} s
p99   ${result.p99.toFixed(2)} s (aim 7.5)
slowest ${result.slowest?.toFixed(2)} s
yardstick: ${result.builds} dbt builds, median ${build.toFixed(2)} s`;
process.stdout.write(`${values.json ? JSON.stringify(result) : text}\n`);
