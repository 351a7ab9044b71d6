import type { Clock } from '../../runtime/clock.ts';
import { waitFor } from '../../runtime/leases.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';
import { SnowflakeError, SnowflakeLockedError } from './errors.ts';
import type { SnowflakeSession } from './session.ts';

/** The exclusive right to change BRONZE until the end of its transaction. Everything that changes BRONZE takes it as an argument. */
export interface LoadLock {
  readonly session: SnowflakeSession;
  /**
   * A condition for every statement of ours that changes something. Snowflake rolls back a transaction that is idle and
   * has blocked another one for five minutes. A process that was suspended for that long would continue without knowing, and each of its
   * statements would commit by itself. With this condition they change nothing.
   */
  readonly transactionGuard: string;
}

/**
 * Waits until no other transaction has the lock, and holds it until the end of this transaction. Each statement sees what was committed
 * before it began (READ COMMITTED), so no other process can change what is read after this statement: the compare-and-set does not
 * depend on whether an UPDATE that has waited for a lock reads its rows again.
 */
export async function takeLoadLock(session: SnowflakeSession): Promise<LoadLock> {
  await waitForLoadLock(session);
  const { rows } = await session.execute({ sql: 'select current_transaction() as id' });
  const id = String(rows[0]?.['id']);
  if (!/^\d+$/.test(id))
    throw new WarehouseUnavailableError('Snowflake: the transaction ended before its first change');
  return { session, transactionGuard: `current_transaction() = '${id}'` }; // mutant: snowflake.transaction-guard
}

/**
 * Retries `call` while another transaction has the lock, for as long as a transaction of a dead process may last. A loader does not
 * need this: it retries each batch, for longer. @param call has no lasting effect when it is locked out. @param signal ends the wait.
 */
export async function untilUnlocked<T>(clock: Clock, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const startedAt = clock.monotonic();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isTimedOut = clock.monotonic() - startedAt >= waitFor('transaction', 0);
      if (!(error instanceof SnowflakeLockedError) || isTimedOut) throw error;
      await clock.sleep(1_000, signal);
    }
  }
}

/** Outside of a transaction, the lock is held only for this statement: the previous holder has finished. */
export async function waitForLoadLock(session: SnowflakeSession): Promise<void> {
  const { rowsChanged } = await session.execute({ sql: 'update bronze.load_lock set taken_at = sysdate()' });
  if (rowsChanged === 0) throw new SnowflakeError('bronze.load_lock has no row: run "warehouse migrate"', '');
}

/** @throws WarehouseUnavailableError if a statement with `transactionGuard` has changed less than it should. */
export function mustHaveChanged(what: string, changed: number, expected: number): void {
  if (changed === expected) return;
  throw new WarehouseUnavailableError(`Snowflake: ${changed} of ${expected} ${what} were written: the lock was lost`);
}
