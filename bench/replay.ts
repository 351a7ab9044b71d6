/**
 * `npm run bench -- replay`: how fast is BRONZE rebuilt from the raw topic? The command itself (`replay raw --all --rebuild`)
 * reads a real broker, fills tables beside a BRONZE of the same rows, compares both and replaces the live one. Alternately with it,
 * DuckDB's own appender writes the same rows from memory. A further run is killed twice.
 */
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { RawReplayed } from '../replay/raw.ts';
import { systemClock } from '../runtime/clock.ts';
import { startSandbox } from '../sandbox/server.ts';
import { CommandLine } from './support/command-line.ts';
import { median } from './support/median.ts';
import { moviesInFile } from './support/movies-in-file.ts';
import { appendPlainly, type PlainRow } from './support/plain-appender.ts';
import { openRawTopic, type RawTopic } from './support/raw-topic.ts';

const { values: options } = parseArgs({
  options: {
    movies: { type: 'string', default: '200000' },
    runs: { type: 'string', default: '3' },
    partitions: { type: 'string', default: '4' },
    'batch-rows': { type: 'string', default: '20000' },
    json: { type: 'boolean', default: false },
  },
});
const movies = Number(options.movies);
const batchRows = Number(options['batch-rows']);
const note = (text: string) => process.stderr.write(`${text}\n`);

/** Fills the topic. @returns the same rows for the yardstick, and their bytes. */
async function publish(topic: RawTopic): Promise<{ readonly rows: PlainRow[]; readonly bytes: number }> {
  const rows: PlainRow[] = [];
  let bytes = 0;
  await topic.publish(movies, ({ movieId, body, sourceUrl, httpStatus }) => {
    const kafkaOffset = BigInt(rows.length);
    rows.push({ movieId: BigInt(movieId), document: body.toString(), sourceUrl, kafkaOffset, httpStatus });
    bytes += body.length;
  });
  return { rows, bytes };
}

const rebuild = ['replay', 'raw', '--all', '--rebuild'];

/** Killed with -9 at a third and at two thirds of the rows, and run again each time. */
async function killTwice(cli: CommandLine, path: string): Promise<void> {
  for (const share of [1 / 3, 2 / 3]) {
    const child = cli.start(path, rebuild);
    const gone = once(child, 'exit');
    for (let filled = 0; filled < movies * share && child.exitCode === null; ) {
      await systemClock.sleep(50);
      filled = await moviesInFile(path, 'rebuild_raw_movies').then(
        ({ rows }) => rows,
        () => 0,
      );
    }
    child.kill('SIGKILL');
    await gone;
    if (child.signalCode !== 'SIGKILL') throw new Error('it ended before it could be killed');
    note(`killed when ${(await moviesInFile(path, 'rebuild_raw_movies')).rows} rows were there`);
  }
  const { records } = (await cli.run(path, rebuild)) as RawReplayed;
  note(`run again: ${records} records were left`);
}

interface Measured {
  readonly plain: number[];
  readonly whole: number[];
  readonly fill: number[];
  readonly isSameContent: boolean;
}

/** Both, alternately, each time from a file in the same state. Numbers are seconds. */
async function measure(folder: string, cli: CommandLine, rows: readonly PlainRow[]): Promise<Measured> {
  const live = join(folder, 'live.duckdb');
  await cli.run(live, ['load', '--once']);
  const { hash } = await moviesInFile(live);
  const measured = { plain: [] as number[], whole: [] as number[], fill: [] as number[] };
  const contents = new Set([hash]);
  for (let run = 1; run <= Number(options.runs); run += 1) {
    const [plainPath, path] = [join(folder, `plain-${run}.duckdb`), join(folder, `rebuilt-${run}.duckdb`)];
    measured.plain.push(await appendPlainly(plainPath, rows, batchRows));
    copyFileSync(live, path);
    const { seconds, fillSeconds, swap } = (await cli.run(path, rebuild)) as RawReplayed;
    if (swap?.same !== movies) throw new Error(`of ${movies} rows only ${swap?.same} are unchanged`);
    measured.whole.push(seconds);
    measured.fill.push(fillSeconds);
    const rates = [measured.plain.at(-1), seconds, fillSeconds].map((time) => perSecond([time ?? 0]));
    note(
      `run ${run}: plain appender ${rates[0]} rows/s, rebuilt and swapped ${rates[1]} rows/s, filled ${rates[2]} rows/s`,
    );
    for (const file of [plainPath, path]) {
      contents.add((await moviesInFile(file)).hash);
      rmSync(file);
    }
  }
  await killTwice(cli, live);
  contents.add((await moviesInFile(live)).hash);
  return { ...measured, isSameContent: contents.size === 1 };
}

const perSecond = (seconds: readonly number[]): number => Math.round(movies / median(seconds));

function report(bytes: number, apiCalls: number, { plain, whole, fill, isSameContent }: Measured): void {
  const result = {
    rows: movies,
    bytesPerRow: Math.round(bytes / movies),
    batchRows,
    cores: cpus().length,
    node: process.version,
    plainRowsPerSecond: perSecond(plain),
    filledRowsPerSecond: perSecond(fill),
    rebuiltRowsPerSecond: perSecond(whole),
    ratioFilled: Number((median(plain) / median(fill)).toFixed(2)),
    ratioRebuilt: Number((median(plain) / median(whole)).toFixed(2)),
    apiCalls,
    isSameContent,
  };
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(22)}${value}\n`);
  if (!isSameContent) throw new Error('the files hold different rows');
  if (apiCalls > 0) throw new Error('TMDb received requests');
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-replay-'));
  try {
    await using resources = new AsyncDisposableStack();
    const topic = resources.use(await openRawTopic(folder, Number(options.partitions)));
    const sandbox = resources.use(await startSandbox({ movies: 10, limit: { capacity: 40, windowMs: 10_000 } }));
    note(`publishing ${movies} movies`);
    const { rows, bytes } = await publish(topic);
    const cli = new CommandLine({
      DATA_DIR: folder,
      KAFKA_BROKERS: topic.brokers,
      LOAD_MAX_ROWS: String(batchRows),
      TMDB_BASE_URL: sandbox.url,
      TMDB_TOKEN: 'made-up',
    });
    const measured = await measure(folder, cli, rows);
    report(bytes, sandbox.stats().requests, measured);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
