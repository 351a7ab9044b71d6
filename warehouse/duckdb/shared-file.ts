import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clock } from '../../runtime/clock.ts';
import { type DuckDbFile, type DuckDbFileOptions, openDuckDbFile } from './file.ts';
import { inTransaction } from './transaction.ts';

/** The file is closed after this idle time (ms). It is long enough for a replay to keep the file open from batch to batch. */
const idleMs = 100;

/** Opens the file at once. @throws the errors of `openDuckDbFile`. */
export const openSharedFile = async (options: DuckDbFileOptions): Promise<SharedFile> =>
  new SharedFile(options, await openDuckDbFile(options));

/**
 * A DuckDB file that stays open while calls follow one another and no other process waits for it. Otherwise it is closed after each
 * call, so that other loaders, dbt and readers can have it.
 */
export class SharedFile implements AsyncDisposable {
  readonly #options: DuckDbFileOptions;
  readonly #clock: Clock;
  /** null while other processes may have it. */
  #file: DuckDbFile | null;
  /** Resolves when the last call has ended: one connection has one transaction at a time. */
  #lock: Promise<void> = Promise.resolve();
  #idleTimer: AbortController | undefined;

  /** How long (ms) the documents of answers are kept. */
  readonly retentionMs: number;

  constructor({ signal: _, ...options }: DuckDbFileOptions, file: DuckDbFile) {
    // A loader that is being stopped still loads what it has collected: it waits for the file as long as any other.
    this.#options = options;
    this.retentionMs = options.retentionMs ?? Number.POSITIVE_INFINITY;
    this.#clock = options.clock;
    this.#file = file;
    this.#then(this.#letOthersIn());
  }

  /** Runs `call` after the calls before it. @throws what it throws, and the errors of `openDuckDbFile`. */
  use<T>(call: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const result = this.#lock.then(async () => {
      this.#idleTimer?.abort();
      this.#file ??= await openDuckDbFile(this.#options);
      return call(this.#file.connection);
    });
    this.#then(result.catch(() => {}).then(() => this.#letOthersIn()));
    return result;
  }

  /** The same within a transaction: all changes of `call`, or none. */
  transaction<T>(call: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.use((connection) => inTransaction(connection, () => call(connection)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock;
    await this.#close();
  }

  /** Closes the file in the background; errors surface on the next call. */
  #then(afterwards: Promise<void>): void {
    afterwards.catch(() => {});
    this.#lock = afterwards;
  }

  async #letOthersIn(): Promise<void> {
    if (this.#file?.isWanted()) return this.#close();
    const timer = new AbortController();
    this.#idleTimer = timer;
    this.#clock.sleep(idleMs, timer.signal).then(
      () => this.#then(this.#lock.then(() => (timer.signal.aborted ? undefined : this.#close()))),
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
