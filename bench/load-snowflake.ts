/**
 * How fast does the loader load rows into Snowflake, with array binds and with files, and does its memory grow?
 *
 *   npm run bench -- load-snowflake [--sizes 50,200,1000,5000,20000] [--runs 3] [--batches 2000] [--json]
 *
 * It uses the emulator, with the real driver. So it measures our code, the driver and the protocol, and not Snowflake's own
 * speed. The yardstick is the emulator's own `insert … select` of the same rows from one table of BRONZE into another, in
 * the same run: no client, no JSON parsing, no ledger. First the loader itself runs for `--batches` batches, half of them with
 * binds, half with files, and its resident memory is measured after a tenth of them and after all.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { runLoader } from '../consumers/loader.ts';
import { systemClock } from '../runtime/clock.ts';
import { createLogger } from '../runtime/logger.ts';
import { createProgress, type Progress } from '../runtime/progress.ts';
import { formatTable } from '../runtime/table.ts';
import type { DeadLetter } from '../schemas/records.ts';
import { MemorySink } from '../test/support/kafka/memory-sink.ts';
import { topics } from '../test/support/kafka/topics.ts';
import { median } from './support/median.ts';
import { MovieBatches, movieChunks, openSnowflakeBench, type SnowflakeBench } from './support/snowflake-bench.ts';

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '50,200,500,1000,2000,5000,20000' },
    runs: { type: 'string', default: '3' },
    batches: { type: 'string', default: '2000' },
    json: { type: 'boolean', default: false },
  },
});
const sizes = options.sizes.split(',').map(Number);
const runs = Number(options.runs);
const batches = Number(options.batches);

const residentMb = () => Math.round(process.memoryUsage.rss() / 1e6);

/** Rows of a batch with binds and of one with a file, alternately. */
const smallSizes = [40, 60] as const;

async function memoryOver(bench: SnowflakeBench, progress: Progress) {
  const warehouse = await bench.openLoader(50);
  const done = new AbortController();
  const resident = { early: 0, late: 0 };
  let flushes = 0;
  const onLoaded = () => {
    flushes += 1;
    if (flushes === batches / 10) resident.early = residentMb();
    if (flushes === batches) resident.late = residentMb();
    if (flushes >= batches) done.abort();
    progress.update('memory', { done: flushes, total: batches, unit: 'batches' });
  };
  const source = movieChunks(50 * (batches + 10), smallSizes);
  const deadLetters = new MemorySink<DeadLetter>();
  await runLoader(
    {
      ...{ source, warehouse, deadLetters, onLoaded, clusterId: 'bench', clock: systemClock, random: Math.random },
      ...{ topics, log: createLogger('warn', []) },
    },
    { limits: { maxRows: smallSizes[0], maxBytes: 64_000_000, maxAgeMs: 60_000 }, signal: done.signal },
  );
  return { [`MB after ${batches / 10}`]: resident.early, [`MB after ${batches}`]: resident.late };
}

/** Seconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1_000;
}

/** All three, alternately, `runs` times. */
async function speedOf({ session, openLoader }: SnowflakeBench, size: number) {
  const loaders = [await openLoader(Number.POSITIVE_INFINITY), await openLoader(1)];
  // Each size has its own partition.
  const movies = new MovieBatches(size, size * (runs + 1) * loaders.length);
  const seconds: Record<'binds' | 'files' | 'yardstick', number[]> = { binds: [], files: [], yardstick: [] };
  for (let run = 0; run <= runs; run += 1) {
    const taken: number[] = [];
    for (const loader of loaders) {
      const batch = movies.take(size);
      taken.push(await timed(() => loader.append([batch])));
    }
    const where = `kafka_partition = ${size} and kafka_offset >= ${2 * run * size} and kafka_offset < ${(2 * run + 1) * size}`;
    const copied = await timed(() =>
      session.execute({ sql: `insert into bronze.plain select * from bronze.raw_movies where ${where}` }),
    );
    // The first run opens sessions.
    if (run === 0) continue;
    for (const [index, name] of (['binds', 'files'] as const).entries()) seconds[name].push(taken[index] ?? 0);
    seconds.yardstick.push(copied);
  }
  return { size, ...seconds };
}

type Speed = Awaited<ReturnType<typeof speedOf>>;

function row({ size, binds, files, yardstick }: Speed) {
  const rate = (seconds: readonly number[]) => Math.round(size / median(seconds));
  const ratio = (seconds: readonly number[]) => Number((median(seconds) / median(yardstick)).toFixed(1));
  return {
    'rows a batch': size,
    'binds rows/s': rate(binds),
    'files rows/s': rate(files),
    'insert … select rows/s': rate(yardstick),
    'binds: times the yardstick': ratio(binds),
    'files: times the yardstick': ratio(files),
  };
}

async function main(): Promise<void> {
  await using bench = await openSnowflakeBench();
  const speeds: Speed[] = [];
  let memory = {};
  {
    using progress = createProgress(process.stderr, systemClock);
    if (batches > 0) memory = await memoryOver(bench, progress);
    await bench.openLoader(1);
    await bench.session.execute({ sql: 'create table bronze.plain like bronze.raw_movies' });
    for (const size of sizes) {
      progress.update('speed', { done: speeds.length, total: sizes.length, unit: 'sizes' });
      speeds.push(await speedOf(bench, size));
    }
  }
  const faster = speeds.find(({ binds, files }) => median(files) < median(binds));
  const result = {
    ...{ cores: cpus().length, node: process.version, runs, ...memory },
    'files are faster from': faster?.size ?? 'none of these sizes on',
  };
  const table = speeds.map(row);
  if (options.json) process.stdout.write(`${JSON.stringify({ ...result, sizes: table })}\n`);
  else {
    for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(24)}${value}\n`);
    process.stdout.write(formatTable(table));
  }
}

await main();
