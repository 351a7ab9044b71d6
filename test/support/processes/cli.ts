import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestRunner } from 'vitest';
import type { RunReport } from '../../../pipeline/report.ts';
import { ExitCode } from '../../../runtime/errors.ts';
import { checkOutput } from '../commands/outputs.ts';
import { forkedDbt } from '../dbt/server/flags.ts';
import { compileCache } from './compile-cache.ts';
import { crashPointFlags } from './crash-points.ts';

const root = join(import.meta.dirname, '../../..');

/** The outcome of a process. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface WorkspaceOptions {
  /** Whether dbt starts in its own process also in the fast tier, for tests about that process. @default false */
  readonly ownDbt?: boolean;
}

/** A separate data folder, and the command line to run on it as a user would. */
export class Workspace implements Disposable {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'tmdb-stream-e2e-'));
  #env: Readonly<Record<string, string>>;
  readonly #dbt: typeof forkedDbt;

  /**
   * @param env settings in addition to the default ones; of the tests' own environment, only PATH, HOME and TZ are passed on.
   */
  constructor(env: Readonly<Record<string, string>> = {}, { ownDbt = false }: WorkspaceOptions = {}) {
    this.#env = env;
    this.#dbt = ownDbt ? { flags: [], env: {} } : forkedDbt;
  }

  /** Adds settings to those of every later command. */
  set(env: Readonly<Record<string, string>>): void {
    this.#env = { ...this.#env, ...env };
  }

  get duckdbPath(): string {
    return join(this.dataDir, 'tmdb.duckdb');
  }

  /**
   * In a process group of its own, so that a test can kill all of it.
   * @param env settings in addition to the workspace's; with `crashEnvironment` in it, the process has its crash points.
   */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const { PATH = '', HOME = '', TZ = 'UTC' } = process.env;
    return spawn(process.execPath, [...this.#dbt.flags, ...crashPointFlags(env), join(root, 'cli.ts'), ...args], {
      cwd: this.dataDir,
      env: { PATH, HOME, TZ, ...compileCache, ...this.#dbt.env, DATA_DIR: this.dataDir, ...this.#env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  }

  /** @throws Error if it prints JSON of another shape than its command's. */
  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const outcome = await outcomeOf(this.start(args, env));
    if (args.includes('--json')) await checkOutput(args, outcome.stdout);
    return outcome;
  }

  /** `run --once --json`, which must succeed; parts of the lists may fail. */
  async runOnce(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<RunReport> {
    const { code, stdout, stderr } = await this.run(['run', '--once', '--json', ...args], env);
    if (stdout === '') throw new Error(`run --once ended with ${code}\n${stderr}`);
    const report = JSON.parse(stdout) as RunReport;
    const isPartial = report.walk.pagesFailed > 0 || report.genres.failure !== null;
    const expected = isPartial ? ExitCode.partial : ExitCode.done;
    if (code !== expected) throw new Error(`run --once ended with ${code}, not with ${expected}\n${stderr}`);
    return report;
  }

  [Symbol.dispose](): void {
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

/** A command that runs for longer (ms) hangs. */
const longestMs = 540_000;
/** A hanging command is killed this long (ms) before the time of its test ends, so that the test says what the command wrote last. */
const reportMs = 15_000;

/** How long a command may run from now on. */
function leftMs(): number {
  const test = TestRunner.getCurrentTest();
  const startedAt = test?.result?.startTime;
  if (!test || startedAt === undefined) return longestMs;
  return Math.max(0, Math.min(longestMs, startedAt + test.timeout - Date.now() - reportMs));
}

/** Kills a process, its group if it leads one, and closes its output, which a process that it started may have inherited. */
function killAll(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // It leads no group.
    child.kill('SIGKILL');
  }
  child.stdout?.destroy();
  child.stderr?.destroy();
}

/** @throws Error if the command hangs. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (data) => {
    output.stdout += data;
  });
  child.stderr?.on('data', (data) => {
    output.stderr += data;
  });
  let isHanging = false;
  const kill = setTimeout(() => {
    isHanging = true;
    killAll(child);
  }, leftMs());
  const [code] = await once(child, 'close');
  clearTimeout(kill);
  if (isHanging) throw new Error(`${child.spawnargs.join(' ')} hangs\n${output.stdout}\n${output.stderr}`);
  return { code, ...output };
}

/** The KPIs of a report that have no rows. */
export const emptyKpis = ({ kpis }: RunReport): string[] =>
  (['genrePerformance', 'yearlyTrends', 'topMovies'] as const).filter((name) => !kpis[name]?.length);

/** The number of rows of a table, such as `gold.fact_movies`, in a report. */
export const rowsIn = ({ tables }: RunReport, table: string): number | undefined =>
  tables.find(({ layer, name }) => `${layer}.${name}` === table)?.rows;
