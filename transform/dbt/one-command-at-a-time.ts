import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../runtime/make-folder.ts';
import { freshnessArguments, parseArguments, retryDir, runArguments, targetDir } from './arguments.ts';
import type { Dbt, DbtEnvironment, DbtFreshness, DbtRun, Vars } from './dbt.ts';
import { DbtError } from './dbt-error.ts';
import { freshnessOf, type SourceFreshness } from './freshness.ts';
import { type DbtProgress, LogFollower } from './log-lines.ts';
import { type DbtSummary, nothingToRetry, retriable, summarise } from './run-results.ts';
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
  #last: Promise<unknown> = Promise.resolve();
  #vars: Vars | undefined;

  constructor(place: DbtEnvironment, runner: Runner) {
    this.#place = place;
    this.#runner = runner;
  }

  run(options: DbtRun): Promise<DbtSummary> {
    return this.#afterTheLast(async () => {
      options.signal.throwIfAborted();
      if (options.command === 'retry' && !(await this.#prepareRetry())) return nothingToRetry;
      this.#vars = options.vars;
      const { results, failure, seconds } = await this.#invoke({
        name: options.command,
        args: runArguments(this.#place, options),
        resultsFile: this.#runResults,
        onProgress: options.onProgress ?? ignoreProgress,
        signal: options.signal,
      });
      if (results === null) throw new DbtError(failure ?? `dbt ${options.command} left no results`);
      const summary = summarise(results, seconds);
      if (summary.status === 'failed') throw new DbtError(describe(summary), summary);
      if (failure !== null) throw new DbtError(failure, summary);
      return summary;
    });
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

/** @returns null if the document is incomplete: on a full disk dbt writes only its beginning. */
async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}

const describe = ({ failures }: DbtSummary): string =>
  [
    `${failures.length} of dbt's models and tests failed:`,
    ...failures.map(({ name, message }) => `  ${name}: ${message.trim().replaceAll('\n', '\n    ')}`),
  ].join('\n');
