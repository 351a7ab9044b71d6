import type { SourceFreshness } from './freshness.ts';
import type { DbtProgress } from './log-lines.ts';
import type { DbtSummary } from './run-results.ts';

/** Which dbt, on which warehouse. */
export interface DbtEnvironment {
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
}

export interface DbtRun {
  /**
   * `build` makes the models and tests each before the next rests on it. `retry` does again what failed in the run
   * before, and what was skipped for it, with that run's other options; it takes up no new batch and is no complete
   * build, so one has to follow.
   */
  readonly command: 'build' | 'run' | 'test' | 'retry';
  /** Build every table anew. @default false */
  readonly fullRefresh?: boolean;
  /** Only give the models their columns, with no row in them. @default false */
  readonly empty?: boolean;
  /** Also run the unit tests, which are about the SQL and not about the data. @default false */
  readonly unitTests?: boolean;
  /** Only these nodes and tests, in dbt's selection syntax. @default all */
  readonly select?: readonly string[];
  /** Values for the project's variables. Other values than last time cost a full parse. */
  readonly vars?: Vars;
  readonly onProgress?: (progress: DbtProgress) => void;
  readonly signal: AbortSignal;
}

export type Vars = Readonly<Record<string, string | number | boolean>>;

export interface DbtFreshness {
  /** As for a run. @default those of the command before */
  readonly vars?: Vars;
  readonly signal: AbortSignal;
}

/**
 * Runs dbt, one command after the other. Whatever came of a command, the DuckDB file is free as soon as its promise
 * settles. A command that is aborted ends like a kill: whole tables are left, and the next run goes on from there.
 */
export interface Dbt extends AsyncDisposable {
  /**
   * @returns what the run came to; of a `retry`, also that there is nothing to retry.
   * @throws DbtError when a model or a test failed, or dbt did not get so far; the signal's reason when aborted.
   */
  run(options: DbtRun): Promise<DbtSummary>;
  /**
   * How old the newest rows of the sources are, for each source that has bounds. A stale source is an answer, no error.
   * @throws DbtError when a source could not be read; the signal's reason when aborted.
   */
  freshness(options: DbtFreshness): Promise<readonly SourceFreshness[]>;
}
