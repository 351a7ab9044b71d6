/**
 * How long does `tmdb-stream load --once` take compared with other programs that load a topic of Kafka into DuckDB?
 *
 *   npm run bench -- peers [--movies 20000] [--runs 3] [--json]
 *
 * The yardsticks read the same topic into a new DuckDB file each time, with the same columns: dlt, with a resource written like its
 * own source for Kafka, and Singer, a tap that prints the records for `target-duckdb`. All three run alternately, as processes that
 * start for one load; seconds are from the start of the process to its end, and CPU seconds those of all its processes, without the broker. The documents that
 * each one has loaded are compared. Linux only: it reads /proc.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../runtime/table.ts';
import { cpuTime } from '../test/runner/cpu-time.ts';
import { topics } from '../test/support/kafka/topics.ts';
import { CommandLine } from './support/command-line.ts';
import { median } from './support/median.ts';
import { moviesInFile } from './support/movies-in-file.ts';
import { openRawTopic } from './support/raw-topic.ts';

const { values } = parseArgs({
  options: {
    movies: { type: 'string', default: '20000' },
    runs: { type: 'string', default: '3' },
    partitions: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
});
const movies = Number(values.movies);
/** A peer should take at least this many times as long. */
const target = 6;
const scripts = join(import.meta.dirname, 'peers');
const bin = join(import.meta.dirname, '..', '.tools', 'peers', 'bin');

/** Loads the topic into a DuckDB file that does not exist yet. */
type Load = (path: string) => Promise<unknown>;

/** Runs a program of Python, without reports to the makers of dlt. Its output is shown if it fails. */
async function run(program: string, args: readonly string[], folder: string): Promise<void> {
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, RUNTIME__DLTHUB_TELEMETRY: 'false', DLT_DATA_DIR: join(folder, 'dlt') };
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output += data;
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}\n${output}`);
}

function loadsOf(folder: string, brokers: string): Readonly<Record<string, Load>> {
  const ours = new CommandLine({ DATA_DIR: folder, KAFKA_BROKERS: brokers });
  const [python, topic] = [join(bin, 'python'), topics.rawMovies.name];
  const singer = `"${python}" "${scripts}/tap_raw_movies.py" "$1" "$2" | "${bin}/target-duckdb" --config "$3"`;
  return {
    'tmdb-stream': (path) => ours.run(path, ['load', '--once']),
    dlt: (path) => run(python, [join(scripts, 'load_with_dlt.py'), brokers, topic, path, `${path}.dlt`], folder),
    Singer: (path) => {
      const config = `${path}.json`;
      writeFileSync(config, JSON.stringify({ path, default_target_schema: 'bronze' }));
      return run('bash', ['-o', 'pipefail', '-c', singer, 'singer', brokers, topic, config], folder);
    },
  };
}

interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** The broker has not ended, so it does not count. */
const cpuOfEnded = (): number => cpuTime()?.descendants ?? Number.NaN;

async function costOf(load: Load, path: string): Promise<Cost> {
  const [cpu, started] = [cpuOfEnded(), performance.now()];
  await load(path);
  return { seconds: (performance.now() - started) / 1_000, cpuSeconds: cpuOfEnded() - cpu };
}

/** The costs of each program, measured alternately. @throws Error if they have loaded different documents. */
async function measure(folder: string, loads: Readonly<Record<string, Load>>): Promise<Map<string, Cost[]>> {
  const costs = new Map<string, Cost[]>(Object.keys(loads).map((name) => [name, []]));
  const contents = new Set<string>();
  for (let index = 1; index <= Number(values.runs); index += 1) {
    for (const [name, load] of Object.entries(loads)) {
      const path = join(folder, `${name}-${index}.duckdb`);
      const cost = await costOf(load, path);
      costs.get(name)?.push(cost);
      const { rows, hash } = await moviesInFile(path);
      contents.add(hash);
      const [seconds, cpu, busy] = [cost.seconds, cost.cpuSeconds, loadavg()[0] ?? 0].map((figure) =>
        figure.toFixed(2),
      );
      process.stderr.write(`run ${index}: ${name} ${seconds} s, CPU ${cpu} s, load ${busy}\n`);
      if (rows !== movies || contents.size > 1) throw new Error(`${name} has loaded ${rows} rows: ${hash}`);
    }
  }
  return costs;
}

const rounded = (figure: number): number => Number(figure.toFixed(2));

function rowsOf(costs: ReadonlyMap<string, readonly Cost[]>) {
  const medians = [...costs].map(([program, all]) => ({
    program,
    seconds: median(all.map(({ seconds }) => seconds)),
    cpu: median(all.map(({ cpuSeconds }) => cpuSeconds)),
  }));
  const [ours = { seconds: Number.NaN, cpu: Number.NaN }] = medians;
  return medians.map(({ program, seconds, cpu }) => ({
    ...{ program, seconds: rounded(seconds), rowsPerSecond: Math.round(movies / seconds) },
    ...{ timesOurs: rounded(seconds / ours.seconds), cpuSeconds: rounded(cpu), cpuTimesOurs: rounded(cpu / ours.cpu) },
  }));
}

const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-peers-'));
try {
  await using topic = await openRawTopic(folder, Number(values.partitions));
  await topic.publish(movies);
  const rows = rowsOf(await measure(folder, loadsOf(folder, topic.brokers)));
  const fastest = Math.min(...rows.slice(1).map(({ timesOurs }) => timesOurs));
  const verdict = `the faster peer takes ${fastest} times as long; target ${target}: ${fastest >= target ? 'pass' : 'fail'}`;
  process.stdout.write(
    `${values.json ? JSON.stringify({ movies, target, rows }) : `${movies} movies\n${formatTable(rows)}\n${verdict}`}\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
