import { WarehouseUnavailableError } from '../warehouse.ts';
import { openSnowflakeSession, type SessionOptions, type SnowflakeSession } from './session.ts';

/**
 * Snowflake rolls back what has been idle and in another's way for five minutes. A transaction that took less was not, so its
 * COMMIT was one; after more it may have been none, and says so no more than any other COMMIT.
 */
const unsureAfterMs = 240_000;

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
   */
  transaction<T>(call: (session: SnowflakeSession) => Promise<T>): Promise<T> {
    return this.use(async (session) => {
      const { clock } = this.#options;
      // The wall clock too: the other stands still while the machine sleeps.
      const begun = [clock.monotonic(), clock.now()] as const;
      await session.execute({ sql: 'begin' });
      try {
        const result = await call(session);
        await session.execute({ sql: 'commit' });
        const tookMs = Math.max(clock.monotonic() - begun[0], clock.now() - begun[1]);
        if (tookMs > unsureAfterMs)
          throw new WarehouseUnavailableError('Snowflake: a COMMIT came so late that it may be none');
        return result;
      } catch (error) {
        // A session that broke is logged out, which rolls back; the first error is the one that tells.
        if (!session.isBroken) await session.execute({ sql: 'rollback' }).catch(() => {});
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#session?.[Symbol.asyncDispose]();
    this.#session = undefined;
  }
}
