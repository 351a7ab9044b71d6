import { ExitCode, IngestError, messageOf } from '../../runtime/errors.ts';
import { GoldCopies, type GoldCopy } from '../duckdb/gold-copies.ts';
import { copyIntoMemory } from '../duckdb/gold-in-memory.ts';
import { GoldNotReadError, type GoldReader, type GoldSnapshot, GoldUnavailableError } from '../gold-reader.ts';
import { SnowflakeClient } from './client.ts';
import { objectMissing, SnowflakeError } from './errors.ts';
import { listGold, stateTable } from './gold-tables.ts';
import type { SessionOptions, SnowflakeSession } from './session.ts';

export interface SnowflakeGoldOptions extends SessionOptions {
  /** The names of the models that are copied. */
  readonly models: readonly string[];
  /** How often (ms) it looks for a new build. A look needs no virtual warehouse. */
  readonly pollMs: number;
  /** Ends the looks. */
  readonly signal: AbortSignal;
  /** Called when GOLD cannot be read, with the reason, and with null when it can be read again. */
  onProblem(problem: string | null): void;
}

/**
 * Reads GOLD from Snowflake once for each build of dbt, into DuckDB in memory. Queries are answered from this copy: no page starts a
 * virtual warehouse, and each figure has one query for both warehouses. The last copy stays until the new one is complete.
 * @throws SnowflakeRefusedError if the credentials or the role are refused at the start. Any other failure may pass.
 */
export async function openSnowflakeGold(options: SnowflakeGoldOptions): Promise<GoldReader> {
  const reader = new SnowflakeGold(options);
  await reader.start();
  return reader;
}

class SnowflakeGold implements GoldReader {
  readonly #options: SnowflakeGoldOptions;
  readonly #client: SnowflakeClient;
  readonly #copies = new GoldCopies();
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;
  #problem: GoldUnavailableError | null = null;
  #following: Promise<void> = Promise.resolve();
  /** The build whose last copy failed, if it did. */
  #failed: FailedCopy | null = null;

  constructor(options: SnowflakeGoldOptions) {
    this.#options = options;
    this.#client = new SnowflakeClient(options);
    this.#signal = AbortSignal.any([this.#closed.signal, options.signal]);
  }

  async start(): Promise<void> {
    try {
      await this.#client.use(readState);
    } catch (error) {
      // Repeated logins with wrong credentials could lock the user.
      if (error instanceof IngestError && error.exitCode === ExitCode.credentialsRefused) throw error;
    }
    this.#following = this.#follow();
  }

  version(): string {
    return this.#newest().version;
  }

  outage(): string | null {
    return this.#problem?.message ?? null;
  }

  async read<Result>(work: (gold: GoldSnapshot) => Promise<Result>): Promise<Result> {
    return this.#copies.read(this.#newest(), work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#following;
    await this.#client[Symbol.asyncDispose]();
    this.#copies.replace(undefined);
  }

  #newest(): GoldCopy {
    const { current } = this.#copies;
    if (current) return current;
    throw this.#problem ?? new GoldNotReadError('GOLD is being read from Snowflake');
  }

  async #follow(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#step().then(
        () => this.#report(null),
        (error) => this.#report(error),
      );
      await this.#options.clock.sleep(this.#options.pollMs, this.#signal).catch(() => {});
    }
  }

  #report(error: unknown): void {
    if (this.#signal.aborted) return;
    const problem = error === null ? null : asUnavailable(error);
    if (problem?.message !== this.#problem?.message) this.#options.onProblem(problem?.message ?? null);
    this.#problem = problem;
  }

  /** Copies GOLD if a complete build has succeeded since the last copy. */
  #step(): Promise<void> {
    return this.#client.use(async (session) => {
      const state = await readState(session);
      if (state.isPartial) throw new GoldUnavailableError(partialRun);
      if (state.version === this.#copies.current?.version) return;
      if (!state.isFinished) {
        if (this.#copies.current) return;
        throw new GoldUnavailableError('dbt is building GOLD, or its last run failed');
      }
      const copy = await this.#copy(session, state);
      // A run that began meanwhile may have changed some of the tables before they were read.
      const after = await readState(session).catch(() => null);
      const isWhole = after?.isFinished && after.version === state.version;
      if (!isWhole) return copy.instance.closeSync(); // mutant: snowflake.gold-whole
      this.#copies.replace(copy);
    });
  }

  /**
   * After a failure, waits for another build, or with growing delays for this one: each copy keeps the virtual warehouse running.
   * @throws the error of the copy, or that of the last one during the delay.
   */
  async #copy(session: SnowflakeSession, state: BuildState): Promise<GoldCopy> {
    const { clock, models } = this.#options;
    const failed = this.#failed?.version === state.version ? this.#failed : null;
    if (failed && clock.monotonic() < failed.retryAt) throw failed.error;
    try {
      return await copyIntoMemory(await listGold(session, models, this.#signal), state);
    } catch (error) {
      const times = (failed?.times ?? 0) + 1;
      const delayMs = Math.min(firstRetryMs * 2 ** (times - 1), longestRetryMs);
      this.#failed = { version: state.version, times, retryAt: clock.monotonic() + delayMs, error };
      throw error;
    }
  }
}

const partialRun =
  'partial run: the last run of dbt did not build and test all of GOLD; the next complete build replaces these figures';

/** The delay (ms) after the first failed copy of a build, and the longest one. */
const [firstRetryMs, longestRetryMs] = [60_000, 3_600_000];

interface FailedCopy {
  readonly version: string;
  readonly times: number;
  /** On the monotonic clock. */
  readonly retryAt: number;
  readonly error: unknown;
}

/** What dbt says about GOLD. */
interface BuildState {
  /** Of the last complete build that succeeded. */
  readonly version: string;
  readonly publishedAt: Date;
  /** No later run has begun: otherwise one is running, or has failed. */
  readonly isFinished: boolean;
  /** The last run succeeded, but was no complete build. */
  readonly isPartial: boolean;
}

/** Only numbers, whose maximum Snowflake knows without a virtual warehouse. */
const stateSql = `select max(started_seq) as started, max(finished_seq) as finished, max(finished_ms) as finished_ms, max(partial_seq) as partial from gold.${stateTable}`;

async function readState(session: SnowflakeSession): Promise<BuildState> {
  const { rows } = await session.execute({ sql: stateSql });
  const [started, finished, finishedMs, partial] = ['started', 'finished', 'finished_ms', 'partial'].map((name) =>
    Number(rows[0]?.[name] ?? 0),
  );
  return {
    version: `${finished}-${finishedMs}`,
    publishedAt: new Date(finishedMs ?? 0),
    isFinished: started === finished && finished !== 0,
    isPartial: started === partial && partial !== 0,
  };
}

function asUnavailable(error: unknown): GoldUnavailableError {
  if (error instanceof GoldUnavailableError) return error;
  const isMissing = error instanceof SnowflakeError && error.number === objectMissing;
  return isMissing
    ? new GoldUnavailableError(
        `no run of dbt has built GOLD, or the role of the dashboard may not read it: ${messageOf(error)}`,
        { cause: error },
      )
    : new GoldNotReadError(messageOf(error), { cause: error });
}
