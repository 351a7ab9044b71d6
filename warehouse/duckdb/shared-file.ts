import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '../../runtime/clock.ts';
import { type DuckDbFile, type DuckDbFileOptions, openDuckDbFile } from './file.ts';

/** Unused for so long, the file is closed. Long enough for a replay to go from batch to batch with the file open. */
const idleMs = 100;

/** Opens the file at once. @throws what `openDuckDbFile` throws. */
export const openSharedFile = async (options: DuckDbFileOptions): Promise<SharedFile> =>
  new SharedFile(options, await openDuckDbFile(options));

/**
 * A DuckDB file that is held while calls follow one another and nobody else wants it; otherwise it is closed after each, so
 * that other loaders, dbt and readers come to their turn.
 */
export class SharedFile implements AsyncDisposable {
  readonly #options: DuckDbFileOptions;
  readonly #clock: Clock;
  /** null while others may have it. */
  #file: DuckDbFile | null;
  /** Resolves when the last call is over: one connection has one transaction at a time. */
  #turn: Promise<void> = Promise.resolve();
  #idleTimer: AbortController | undefined;

  constructor({ signal: _, ...options }: DuckDbFileOptions, file: DuckDbFile) {
    // A loader that was told to stop still loads what it has collected: it waits for the file as long as any other.
    this.#options = options;
    this.#clock = options.clock;
    this.#file = file;
    this.#then(this.#letOthersIn());
  }

  /** Makes `call` when those before it are over. @throws what it throws, and what `openDuckDbFile` throws. */
  use<T>(call: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      this.#idleTimer?.abort();
      this.#file ??= await openDuckDbFile(this.#options);
      return call(this.#file.connection);
    });
    this.#then(result.catch(() => {}).then(() => this.#letOthersIn()));
    return result;
  }

  /** The same within a transaction: all that `call` does, or nothing. */
  transaction<T>(call: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.use(async (connection) => {
      await connection.run('begin');
      try {
        const result = await call(connection);
        await connection.run('commit');
        return result;
      } catch (error) {
        // A commit that failed has rolled back already; the first error is the one that tells.
        await connection.run('rollback').catch(() => {});
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#close();
  }

  /** Who asked does not wait for the file to be closed, and is not told when that fails; the next call is. */
  #then(afterwards: Promise<void>): void {
    afterwards.catch(() => {});
    this.#turn = afterwards;
  }

  async #letOthersIn(): Promise<void> {
    if (this.#file?.isWanted()) return this.#close();
    const timer = new AbortController();
    this.#idleTimer = timer;
    this.#clock.sleep(idleMs, timer.signal).then(
      () => this.#then(this.#turn.then(() => (timer.signal.aborted ? undefined : this.#close()))),
      () => {},
    );
  }

  async #close(): Promise<void> {
    this.#idleTimer?.abort();
    const file = this.#file;
    this.#file = null;
    await file?.[Symbol.asyncDispose]();
  }
}
