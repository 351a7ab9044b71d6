/**
 * `npm run bench -- replay`: how fast is BRONZE rebuilt from the raw topic? The real loader reads a real broker into a
 * new DuckDB file; in turn with it, DuckDB's own appender writes the same rows from memory.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../lib/clock.ts';
import { createAdmin } from '../lib/kafka/admin.ts';
import { startBroker } from '../lib/kafka/broker.ts';
import { createKafka, type Kafka } from '../lib/kafka/client.ts';
import { connectProducer } from '../lib/kafka/sink.ts';
import { createLogger } from '../lib/logger.ts';
import { openDuckDbReader } from '../lib/warehouse/duckdb/reader.ts';
import { rawMovieCodec } from '../schemas/codecs.ts';
import { topics } from '../schemas/topics.ts';
import { rawMovies } from './support/movies.ts';
import { appendPlainly, type PlainRow } from './support/plain-appender.ts';
import type { ReplayRequest, ReplayResult } from './support/replay-loader.ts';

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

/** Fills the topic. @returns the same rows as the yardstick takes them, and their bytes. */
async function publish(kafka: Kafka): Promise<{ readonly rows: PlainRow[]; readonly bytes: number }> {
  await using producer = await connectProducer(kafka);
  await using sink = producer.sink(topics.rawMovies, rawMovieCodec);
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

async function replay(loader: ChildProcess, request: ReplayRequest): Promise<ReplayResult> {
  loader.send(request);
  const ended = once(loader, 'exit').then(() => Promise.reject(new Error('the loader failed')));
  const [result] = await Promise.race([once(loader, 'message'), ended]);
  return result as ReplayResult;
}

/** What is in a file, in a form that two files can be compared by. */
async function contentOf(path: string): Promise<string> {
  await using reader = await openDuckDbReader({ path, lockWaitMs: 0, clock: systemClock });
  const [content] = await reader.query(`
    select count(*) as rows, count(distinct movie_id) as movies,
           cast(bit_xor(md5_number(concat_ws(' ', movie_id, raw_data, source_url, http_status))) as varchar) as hash
      from bronze.raw_movies`);
  return JSON.stringify(content);
}

interface Measured {
  readonly plain: readonly number[];
  readonly loader: readonly number[];
  readonly join: readonly number[];
  readonly isSameContent: boolean;
}

/** Both in turn, each time into a new file. Numbers are seconds. */
async function measure(folder: string, brokers: readonly string[], rows: readonly PlainRow[]): Promise<Measured> {
  const loaderProcess = fork(join(import.meta.dirname, 'support', 'replay-loader.ts'));
  const [plain, loader, joined]: [number[], number[], number[]] = [[], [], []];
  const contents = new Set<string>();
  for (let run = 1; run <= Number(options.runs); run += 1) {
    const [plainPath, loaderPath] = [join(folder, `plain-${run}.duckdb`), join(folder, `loader-${run}.duckdb`)];
    plain.push(await appendPlainly(plainPath, rows, batchRows));
    const group = `replay-${run}`;
    const { seconds, joinSeconds } = await replay(loaderProcess, { brokers, path: loaderPath, group, batchRows });
    loader.push(seconds);
    joined.push(joinSeconds);
    note(`run ${run}: plain appender ${perSecond([plain.at(-1) ?? 0])} rows/s, loader ${perSecond([seconds])} rows/s`);
    for (const path of [plainPath, loaderPath]) {
      contents.add(await contentOf(path));
      rmSync(path);
    }
  }
  loaderProcess.disconnect();
  return { plain, loader, join: joined, isSameContent: contents.size === 1 };
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;
const perSecond = (seconds: readonly number[]): number => Math.round(movies / median(seconds));

function report(bytes: number, { plain, loader, join: joined, isSameContent }: Measured): void {
  const result = {
    rows: movies,
    bytesPerRow: Math.round(bytes / movies),
    batchRows,
    cores: cpus().length,
    node: process.version,
    plainRowsPerSecond: perSecond(plain),
    loaderRowsPerSecond: perSecond(loader),
    ratio: Number((median(plain) / median(loader)).toFixed(2)),
    joinSeconds: Number(median(joined).toFixed(2)),
    isSameContent,
  };
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(20)}${value}\n`);
  if (!isSameContent) throw new Error('the files hold different rows');
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-replay-'));
  try {
    await using resources = new AsyncDisposableStack();
    const jarsDir = join(import.meta.dirname, '..', '.tools', 'kafka');
    const broker = resources.use(await startBroker({ dataDir: join(folder, 'kafka'), jarsDir }));
    const log = createLogger('warn', []);
    const kafka = createKafka({ brokers: broker.brokers, ssl: false, sasl: undefined, clientId: 'bench', log });
    const admin = resources.use(await createAdmin(kafka));
    const partitions = Number(options.partitions);
    await admin.ensureTopics({ partitions, replicationFactor: 1, rawRetentionMs: 86_400_000 });
    note(`publishing ${movies} movies`);
    const { rows, bytes } = await publish(kafka);
    report(bytes, await measure(folder, broker.brokers, rows));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
