/**
 * `npm run bench -- replay`: how fast is BRONZE rebuilt from the raw topic? The command itself (`replay raw --all --rebuild`)
 * reads a real broker, fills tables beside a BRONZE of the same rows, compares both and replaces the live one. Alternately with it,
 * DuckDB's own appender writes the same rows from memory. A further run is killed twice.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startLocalBroker } from '../kafka/broker/local-broker.ts';
import { type KafkaCluster, openKafkaCluster } from '../kafka/cluster.ts';
import type { RawReplayed } from '../replay/raw.ts';
import { systemClock } from '../runtime/clock.ts';
import { createLogger } from '../runtime/logger.ts';
import { startSandbox } from '../sandbox/server.ts';
import { topics } from '../test/support/kafka/topics.ts';
import { openDuckDbReader } from '../warehouse/duckdb/reader.ts';
import { median } from './support/median.ts';
import { rawMovies } from './support/movies.ts';
import { appendPlainly, type PlainRow } from './support/plain-appender.ts';

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
async function publish(kafka: KafkaCluster): Promise<{ readonly rows: PlainRow[]; readonly bytes: number }> {
  await using sink = kafka.sink(topics.rawMovies);
  const rows: PlainRow[] = [];
  let bytes = 0;
  let waiting = [];
  for (const value of rawMovies(movies)) {
    const { movieId, body, sourceUrl, httpStatus } = value;
    const kafkaOffset = BigInt(rows.length);
    rows.push({ movieId: BigInt(movieId), document: body.toString(), sourceUrl, kafkaOffset, httpStatus });
    bytes += body.length;
    waiting.push({ key: String(movieId), value });
    if (waiting.length < 2_000) continue;
    await sink.publish(waiting);
    waiting = [];
  }
  await sink.publish(waiting);
  return { rows, bytes };
}

/** The command line against one broker, one sandbox and one DuckDB file. */
class CommandLine {
  readonly #env: Readonly<Record<string, string>>;

  constructor(env: Readonly<Record<string, string>>) {
    const { PATH = '', HOME = '' } = process.env;
    this.#env = { PATH, HOME, LOAD_MAX_ROWS: String(batchRows), ...env };
  }

  start(path: string, args: readonly string[]): ChildProcess {
    const env = { ...this.#env, DUCKDB_PATH: path };
    const stdio = ['ignore', 'pipe', 'inherit'] as const;
    return spawn(process.execPath, [join(import.meta.dirname, '..', 'cli.ts'), ...args, '--json'], {
      env,
      stdio: [...stdio],
    });
  }

  /** @returns its output. */
  async run(path: string, args: readonly string[]): Promise<unknown> {
    const child = this.start(path, args);
    let output = '';
    child.stdout?.on('data', (data) => {
      output += data;
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
    return JSON.parse(output);
  }
}

const rebuild = ['replay', 'raw', '--all', '--rebuild'];

/** The contents of a file in a comparable form. */
async function contentOf(
  path: string,
  table = 'raw_movies',
): Promise<{ readonly rows: number; readonly hash: string }> {
  await using reader = await openDuckDbReader({ path, lockWaitMs: 10_000, clock: systemClock });
  const [content] = await reader.query(`
    select count(*) as rows, count(distinct movie_id) as movies,
           cast(bit_xor(md5_number(concat_ws(' ', movie_id, raw_data, source_url, http_status))) as varchar) as hash
      from bronze.${table}`);
  return { rows: Number(content?.['rows']), hash: JSON.stringify(content) };
}

/** Killed with -9 at a third and at two thirds of the rows, and run again each time. */
async function killTwice(cli: CommandLine, path: string): Promise<void> {
  for (const share of [1 / 3, 2 / 3]) {
    const child = cli.start(path, rebuild);
    const gone = once(child, 'exit');
    for (let filled = 0; filled < movies * share && child.exitCode === null; ) {
      await systemClock.sleep(50);
      filled = await contentOf(path, 'rebuild_raw_movies').then(
        ({ rows }) => rows,
        () => 0,
      );
    }
    child.kill('SIGKILL');
    await gone;
    if (child.signalCode !== 'SIGKILL') throw new Error('it ended before it could be killed');
    note(`killed when ${(await contentOf(path, 'rebuild_raw_movies')).rows} rows were there`);
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
  const { hash } = await contentOf(live);
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
      contents.add((await contentOf(file)).hash);
      rmSync(file);
    }
  }
  await killTwice(cli, live);
  contents.add((await contentOf(live)).hash);
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
    const jarsDir = join(import.meta.dirname, '..', '.tools', 'kafka');
    const broker = resources.use(await startLocalBroker({ dataDir: join(folder, 'kafka'), jarsDir, isOpen: true }));
    const sandbox = resources.use(await startSandbox({ movies: 10, limit: { capacity: 40, windowMs: 10_000 } }));
    const log = createLogger('warn', []);
    const connection = { brokers: broker.brokers, ssl: false, sasl: undefined, clientId: 'bench', topics, log };
    const kafka = resources.use(openKafkaCluster(connection));
    const partitions = Number(options.partitions);
    await kafka.admin.ensureTopics({
      partitions,
      replicationFactor: 1,
      rawRetentionMs: 15_552_000_000,
      maxBodyBytes: 4_000_000,
    });
    note(`publishing ${movies} movies`);
    const { rows, bytes } = await publish(kafka);
    const cli = new CommandLine({
      DATA_DIR: folder,
      KAFKA_BROKERS: broker.brokers.join(','),
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
