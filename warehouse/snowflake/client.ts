import { WarehouseUnavailableError } from '../warehouse.ts';
import { openSnowflakeSession, type SessionOptions, type SnowflakeSession } from './session.ts';

/** A session that is opened when it is needed, and anew when it broke. One call at a time: a session has one transaction. */
export class SnowflakeClient implements AsyncDisposable {
  readonly #options: SessionOptions;
  #session: SnowflakeSession | undefined;
  /** Resolves when the last call is over. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Makes `call` when those before it are over. @throws what it throws, and what `openSnowflakeSession` throws. */
  use<T>(call: (session: SnowflakeSession) => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      if (!this.#session || this.#session.isBroken) this.#session = await openSnowflakeSession(this.#options);
      return call(this.#session);
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  /**
   * The same within a transaction. When it fails for want of an answer, all of `call` may have been done or nothing:
   * whoever needs to know reads it from what the transaction should have written.
   * @param isDone reads whether it has taken effect. A COMMIT of no transaction succeeds without a word, and Snowflake or a
   * person may have ended ours.
   */
  transaction<T>(
    call: (session: SnowflakeSession) => Promise<T>,
    isDone: (session: SnowflakeSession) => Promise<boolean>,
  ): Promise<T> {
    return this.use(async (session) => {
      const result = await this.#attempt(session, call, 'commit');
      if (await isDone(session)) return result;
      throw new WarehouseUnavailableError('Snowflake: the transaction was ended by somebody else before its COMMIT');
    });
  }

  /** Makes `call` within a transaction and undoes what it did. @throws what it throws. */
  rehearsal(call: (session: SnowflakeSession) => Promise<void>): Promise<void> {
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
      // A session that broke is logged out, which rolls back. One that cannot roll back has to be: the next BEGIN would go on
      // with what is open. The first error is the one that tells.
      if (!session.isBroken) {
        await session.execute({ sql: 'rollback' }).catch(() => session[Symbol.asyncDispose]());
      }
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#session?.[Symbol.asyncDispose]();
    this.#session = undefined;
  }
}
