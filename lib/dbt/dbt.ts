import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DbtError } from './dbt-error.ts';
import { type DbtProgress, LogFollower } from './log-lines.ts';
import { type DbtSummary, summarise } from './run-results.ts';

export interface DbtOptions {
  /** The dbt project; may be read-only. */
  readonly projectDir: string;
  /** The Python environment dbt is installed in. */
  readonly environmentDir: string;
  /** Where dbt keeps what it parsed and its results: a folder of our own, made when missing. */
  readonly workDir: string;
  /**
   * The process's whole environment: what `profiles.yml` reads (WAREHOUSE, DUCKDB_PATH as an absolute path,
   * SNOWFLAKE_...), PATH and HOME. Secrets go here and nowhere else: arguments can be seen by everybody.
   */
  readonly env: NodeJS.ProcessEnv;
  /** `build` makes the models and tests each before the next rests on it. */
  readonly command: 'build' | 'run' | 'test';
  /** Build every table anew. @default false */
  readonly fullRefresh?: boolean;
  /** Only give the models their columns, with no row in them. @default false */
  readonly empty?: boolean;
  /** Also run the unit tests, which are about the SQL and not about the data. @default false */
  readonly unitTests?: boolean;
  /** Only these nodes and tests, in dbt's selection syntax. @default all */
  readonly select?: readonly string[];
  /** Values for the project's variables. Other values than last time cost a full parse. */
  readonly vars?: Readonly<Record<string, string | number | boolean>>;
  readonly onProgress?: (progress: DbtProgress) => void;
  readonly signal: AbortSignal;
}

/** How long dbt may take to leave after SIGTERM. Killed, it leaves whole tables, and the next run goes on from there. */
const graceMs = 10_000;

/**
 * Runs dbt once, in a process of its own, so that the DuckDB file is free as soon as this resolves.
 * @throws DbtError when a model or a test failed, or dbt did not get so far; the signal's reason when aborted.
 */
export async function runDbt(options: DbtOptions): Promise<DbtSummary> {
  const { workDir, environmentDir, env, signal, onProgress = () => {} } = options;
  signal.throwIfAborted();
  const resultsFile = join(workDir, 'target', 'run_results.json');
  await mkdir(workDir, { recursive: true });
  await rm(resultsFile, { force: true });

  const started = performance.now();
  const log = new LogFollower(onProgress);
  const exit = await supervise(join(environmentDir, 'bin', 'dbt'), argumentsFor(options), env, log, signal);
  const seconds = (performance.now() - started) / 1000;
  signal.throwIfAborted();

  const results = await readFile(resultsFile, 'utf8').catch(() => null);
  if (results === null) throw new DbtError(`dbt ${options.command} ended with ${exit}\n${log.errors}`.trim());
  const summary = summarise(JSON.parse(results), seconds);
  if (summary.status === 'failed') throw new DbtError(describe(summary), summary);
  if (exit !== 'exit code 0') throw new DbtError(`dbt ${options.command} ended with ${exit}\n${log.errors}`, summary);
  return summary;
}

const describe = ({ failures }: DbtSummary): string =>
  [
    `${failures.length} of dbt's models and tests failed:`,
    ...failures.map(({ name, message }) => `  ${name}: ${message.trim().replaceAll('\n', '\n    ')}`),
  ].join('\n');

function argumentsFor(options: DbtOptions): string[] {
  const { command, projectDir, workDir, fullRefresh, empty, unitTests, select, vars } = options;
  return [
    ...['--log-format', 'json', '--log-level', 'info', '--log-level-file', 'none', '--no-use-colors'],
    command,
    ...['--project-dir', projectDir, '--profiles-dir', projectDir],
    ...['--target-path', join(workDir, 'target'), '--log-path', join(workDir, 'logs')],
    ...(command !== 'run' && !unitTests ? ['--exclude-resource-type', 'unit_test'] : []),
    ...(fullRefresh && command !== 'test' ? ['--full-refresh'] : []),
    ...(empty && command !== 'test' ? ['--empty'] : []),
    ...(select ? ['--select', ...select] : []),
    ...(vars ? ['--vars', JSON.stringify(vars)] : []),
  ];
}

/** Resolves when the process has ended, with how it did. */
async function supervise(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  log: LogFollower,
  signal: AbortSignal,
): Promise<string> {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => log.take(line));
  }
  let killer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    const [code, killedBy] = await once(child, 'close');
    return killedBy ? `signal ${killedBy}` : `exit code ${code}`;
  } catch (error) {
    throw new DbtError(`dbt cannot be started: ${error instanceof Error ? error.message : error}`);
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(killer);
  }
}
