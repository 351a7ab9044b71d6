import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { freshnessArguments, parseArguments, retryDir, runArguments, targetDir } from './arguments.ts';
import type { Dbt, DbtEnvironment, DbtFreshness, DbtRun, Vars } from './dbt.ts';
import { DbtError } from './dbt-error.ts';
import { freshnessOf, type SourceFreshness } from './freshness.ts';
import { type DbtProgress, LogFollower } from './log-lines.ts';
import { type EndedRun, recordRun } from './run-log.ts';
import {
  type DbtSummary,
  nothingToRetry,
  type RunResults,
  readJson,
  readRunResults,
  retriable,
  summarise,
} from './run-results.ts';
import type { Runner } from './runner.ts';

const ignoreProgress = () => {};

/** The outcome of a command. */
interface Outcome {
  /** The results' JSON; null if the command ended before it wrote them. */
  readonly results: unknown;
  /** Null after success, otherwise how it ended and what it logged. */
  readonly failure: string | null;
  readonly seconds: number;
}

/** Runs dbt commands with any runner: writes arguments, reads results, and never runs two commands at the same time. */
export class OneCommandAtATime implements Dbt {
  readonly #place: DbtEnvironment;
  readonly #runner: Runner;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #vars: Vars | undefined;

  constructor(place: DbtEnvironment, runner: Runner, clock: Clock = systemClock) {
    this.#place = place;
    this.#runner = runner;
    this.#clock = clock;
  }

  run(options: DbtRun): Promise<DbtSummary> {
    return this.#afterTheLast(async () => {
      options.signal.throwIfAborted();
      if (options.command === 'retry' && !(await this.#prepareRetry())) return nothingToRetry;
      this.#vars = options.vars;
      const startedAt = this.#clock.now();
      const { results, failure, seconds } = await this.#invoke({
        name: options.command,
        args: runArguments(this.#place, options),
        resultsFile: this.#runResults,
        onProgress: options.onProgress ?? ignoreProgress,
        signal: options.signal,
      });
      const run = readRunResults(results);
      const error = errorOf(options.command, run, failure, seconds);
      await this.#record(options, run, error, startedAt);
      if (error !== null || run === null) throw error;
      return summarise(run, seconds);
    });
  }

  /**
   * Writes the outcome into the log of runs. If dbt could not open the warehouse, there is none. After a failure of dbt, a failure to
   * write changes nothing: the run's row does not say that it succeeded.
   */
  async #record(options: DbtRun, results: RunResults | null, error: DbtError | null, startedAt: number): Promise<void> {
    if (error?.retriable && results === null) return;
    const finishedAt = this.#clock.now();
    const ended = { started: startOf(options), startedAt, finishedAt, results, hasSucceeded: error === null };
    try {
      await recordRun(() => this.#place.openRunLog(options.lock), ended, {
        clock: this.#clock,
        signal: options.signal,
      });
    } catch (thrown) {
      if (error === null) throw thrown;
    }
  }

  freshness({ vars, signal }: DbtFreshness): Promise<readonly SourceFreshness[]> {
    return this.#afterTheLast(async () => {
      signal.throwIfAborted();
      this.#vars = vars ?? this.#vars;
      const { results, failure } = await this.#invoke({
        name: 'source freshness',
        args: freshnessArguments(this.#place, this.#vars),
        resultsFile: join(targetDir(this.#place), 'sources.json'),
        onProgress: ignoreProgress,
        signal,
      });
      const sources = results === null ? [] : freshnessOf(results);
      // dbt also ends with 1 for a stale source.
      if (failure !== null && !sources.some(({ status }) => status === 'error')) throw new DbtError(failure);
      return sources;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner[Symbol.asyncDispose]();
  }

  get #runResults(): string {
    return join(targetDir(this.#place), 'run_results.json');
  }

  #afterTheLast<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Moves the last run's results away from those of the next one. @returns whether there is anything to retry. */
  async #prepareRetry(): Promise<boolean> {
    const results = retriable(await readJson(this.#runResults));
    if (results === null) return false;
    makeFolder(retryDir(this.#place));
    await writeFile(join(retryDir(this.#place), 'run_results.json'), JSON.stringify(results));
    return true;
  }

  async #invoke(command: {
    readonly name: string;
    readonly args: readonly string[];
    readonly resultsFile: string;
    readonly onProgress: (progress: DbtProgress) => void;
    readonly signal: AbortSignal;
  }): Promise<Outcome> {
    const { name, args, resultsFile, onProgress, signal } = command;
    makeFolder(this.#place.workDir);
    // Otherwise a command that fails early would return the results of the previous one.
    await rm(resultsFile, { recursive: true, force: true });
    const started = performance.now();
    const log = new LogFollower(onProgress);
    const invocation = { args, parseArgs: parseArguments(this.#place, this.#vars), resultsFile };
    const end = await this.#runner.invoke(invocation, log, signal);
    const seconds = (performance.now() - started) / 1000;
    signal.throwIfAborted();
    const failure = end === 'exit code 0' ? null : `dbt ${name} ended with ${end}\n${log.errors}`.trim();
    return { results: await readJson(resultsFile), failure, seconds };
  }
}

/** Why a run is no success; null if it is one. @param failure how dbt ended, unless with exit code 0. */
function errorOf(
  command: string,
  results: RunResults | null,
  failure: string | null,
  seconds: number,
): DbtError | null {
  if (results === null) return new DbtError(failure ?? `dbt ${command} left no results`);
  const summary = summarise(results, seconds);
  if (summary.status === 'failed') return new DbtError(describe(summary), summary);
  if (failure !== null) return new DbtError(failure, summary);
  return results.results.length === 0 ? new DbtError(`dbt ${command} ran no model and no test`, summary) : null;
}

const startOf = ({ command, fullRefresh, empty, select, vars }: DbtRun): NonNullable<EndedRun['started']> => ({
  command,
  isComplete: command === 'build' && !empty && !select,
  isFullRefresh: fullRefresh ?? false,
  fingerprint: vars?.['project_fingerprint'] === undefined ? null : String(vars['project_fingerprint']),
});

const describe = ({ failures }: DbtSummary): string =>
  [
    `${failures.length} of dbt's models and tests failed:`,
    ...failures.map(({ name, message }) => `  ${name}: ${message.trim().replaceAll('\n', '\n    ')}`),
  ].join('\n');
