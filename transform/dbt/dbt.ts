import type { RunLogTables, WriteLock } from '../../warehouse/system.ts';
import type { SourceFreshness } from './freshness.ts';
import type { DbtProgress } from './log-lines.ts';
import type { DbtSummary } from './run-results.ts';

/** The dbt installation, the project and the warehouse. */
export interface DbtEnvironment {
  /** The dbt project; may be read-only. */
  readonly projectDir: string;
  /** The Python environment in which dbt is installed. */
  readonly environmentDir: string;
  /** The folder for dbt's parse state and results; created if it is missing. */
  readonly workDir: string;
  /**
   * The process's whole environment: the variables of `profiles.yml` (WAREHOUSE, DUCKDB_PATH as an absolute path,
   * SNOWFLAKE_...), PATH and HOME. Secrets belong only here: every user can see arguments.
   */
  readonly env: NodeJS.ProcessEnv;
  /** Opens the warehouse for the log of dbt's runs. @param lock held by the caller, if any. */
  openRunLog(lock?: WriteLock): Promise<RunLogTables>;
}

export interface DbtRun {
  /**
   * `build` builds the models and tests each before its dependents. `retry` repeats what failed in the last run
   * and what was skipped because of it, with the same options. It seals no batches and is not a complete
   * build, so a build must follow.
   */
  readonly command: 'build' | 'run' | 'test' | 'retry';
  /** Build every table from scratch. @default false */
  readonly fullRefresh?: boolean;
  /** Only create the models' columns, without rows. @default false */
  readonly empty?: boolean;
  /** Also run the unit tests, which test the SQL and not the data. @default false */
  readonly unitTests?: boolean;
  /** Only these nodes and tests, in dbt's selection syntax. @default all */
  readonly select?: readonly string[];
  /** Values for the project's variables. If they differ from the last run, dbt parses the whole project again. */
  readonly vars?: Vars;
  readonly onProgress?: (progress: DbtProgress) => void;
  readonly signal: AbortSignal;
  /** The lock or lease that the caller holds, for writing the outcome. */
  readonly lock?: WriteLock;
}

export type Vars = Readonly<Record<string, string | number | boolean | readonly number[]>>;

export interface DbtFreshness {
  /** As for a run. @default those of the last command */
  readonly vars?: Vars;
  readonly signal: AbortSignal;
}

/**
 * Runs dbt commands one after the other. When the promise of a command settles, whatever its outcome, dbt has released the DuckDB file.
 * An aborted command ends like a kill: tables stay complete, and the next run resumes.
 */
export interface Dbt extends AsyncDisposable {
  /**
   * Runs a command, and writes its outcome into the log of runs, also after a failure.
   * @returns the result of the run; for a `retry`, possibly that there is nothing to retry.
   * @throws DbtError if a model or a test failed, or dbt itself; the signal's reason if it aborted; WarehouseUnavailableError if the
   * outcome cannot be written.
   */
  run(options: DbtRun): Promise<DbtSummary>;
  /**
   * The age of the newest rows of each source that has limits. A stale source is a result, not an error.
   * @throws DbtError if a source could not be read; the signal's reason if it aborted.
   */
  freshness(options: DbtFreshness): Promise<readonly SourceFreshness[]>;
}
