import { WarehouseUnavailableError } from '../warehouse.ts';
import { openSnowflakeSession, type SessionOptions, type SnowflakeSession } from './session.ts';

/** A session that is opened on first use, and again after a failure. One call at a time: a session has one transaction. */
export class SnowflakeClient implements AsyncDisposable {
  readonly #options: SessionOptions;
  #session: SnowflakeSession | undefined;
  /** Resolves when the last call has ended. */
  #lock: Promise<unknown> = Promise.resolve();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Runs `call` after the calls before it. @throws what it throws, and the errors of `openSnowflakeSession`. */
  use<T>(call: (session: SnowflakeSession) => Promise<T>): Promise<T> {
    const result = this.#lock.then(async () => {
      if (!this.#session || this.#session.isBroken) this.#session = await openSnowflakeSession(this.#options);
      return call(this.#session);
    });
    this.#lock = result.catch(() => {});
    return result;
  }

  /**
   * The same within a transaction. If it fails because there was no answer, either all changes of `call` were made or none:
   * a caller that must know reads it from the rows that the transaction should have written.
   * @param isDone reads whether the transaction took effect. A COMMIT without a transaction succeeds silently, and Snowflake or a
   * person may have ended ours.
   */
  transaction<T>(
    call: (session: SnowflakeSession) => Promise<T>,
    isDone: (session: SnowflakeSession) => Promise<boolean>,
  ): Promise<T> {
    return this.use(async (session) => {
      const result = await this.#attempt(session, call, 'commit');
      if (await isDone(session)) return result; // mutant: snowflake.commit-settled
      throw new WarehouseUnavailableError('Snowflake: the transaction was aborted before its COMMIT');
    });
  }

  /** Runs `call` within a transaction and rolls it back. @throws what it throws. */
  simulate(call: (session: SnowflakeSession) => Promise<void>): Promise<void> {
    return this.use((session) => this.#attempt(session, call, 'rollback'));
  }

  async #attempt<T>(
    session: SnowflakeSession,
    call: (session: SnowflakeSession) => Promise<T>,
    ending: 'commit' | 'rollback',
  ): Promise<T> {
    try {
      await session.execute({ sql: 'begin' });
      const result = await call(session);
      await session.execute({ sql: ending });
      return result;
    } catch (error) {
      // A broken session is logged out, which rolls back. So is one that cannot roll back: otherwise the next BEGIN would continue
      // the open transaction. The first error is the informative one.
      if (!session.isBroken) {
        await session.execute({ sql: 'rollback' }).catch(() => session[Symbol.asyncDispose]()); // mutant: snowflake.rollback
      }
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock;
    await this.#session?.[Symbol.asyncDispose]();
    this.#session = undefined;
  }
}
