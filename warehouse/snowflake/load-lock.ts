import type { Clock } from '../../runtime/clock.ts';
import { waitFor } from '../../runtime/leases.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';
import { SnowflakeError, SnowflakeLockedError } from './errors.ts';
import type { SnowflakeSession } from './session.ts';

/** Our turn to change BRONZE, until the end of the transaction that it was taken in. Whatever changes something asks for it. */
export interface LoadLock {
  readonly session: SnowflakeSession;
  /**
   * A condition that every statement of ours which changes something has to carry. Snowflake rolls back a transaction that is idle and
   * in another's way for five minutes; a process that stood still for so long would go on without knowing, and each of its
   * statements would commit by itself. With it they change nothing.
   */
  readonly transactionGuard: string;
}

/**
 * Waits until no other transaction has the turn, and keeps others out until ours is over. Each statement sees what was committed
 * before it began (READ COMMITTED), so what is read after this one nobody else can change: the compare-and-set does not
 * rest on whether an UPDATE that has waited for a lock looks at its rows again.
 */
export async function takeLoadLock(session: SnowflakeSession): Promise<LoadLock> {
  await waitForTurn(session);
  const { rows } = await session.execute({ sql: 'select current_transaction() as id' });
  const id = String(rows[0]?.['id']);
  if (!/^\d+$/.test(id)) throw new WarehouseUnavailableError('Snowflake: the transaction is over before it has begun');
  return { session, transactionGuard: `current_transaction() = '${id}'` };
}

/**
 * Retries `call` while another transaction has the lock, for as long as a transaction of a dead process may last. A loader does not
 * need this: it retries each batch, for longer. @param call has no lasting effect when it is locked out.
 */
export async function untilUnlocked<T>(clock: Clock, call: () => Promise<T>): Promise<T> {
  const startedAt = clock.monotonic();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isOver = clock.monotonic() - startedAt >= waitFor('transaction', 0);
      if (!(error instanceof SnowflakeLockedError) || isOver) throw error;
      await clock.sleep(1_000);
    }
  }
}

/** Outside of a transaction it is ours for this statement only: whoever had it is through. */
export async function waitForTurn(session: SnowflakeSession): Promise<void> {
  const { rowsChanged } = await session.execute({ sql: 'update bronze.load_turn set taken_at = sysdate()' });
  if (rowsChanged === 0) throw new SnowflakeError('bronze.load_turn has no row: run "warehouse migrate"', '');
}

/** @throws WarehouseUnavailableError when a statement with `transactionGuard` has changed less than it should. */
export function mustHaveChanged(what: string, changed: number, expected: number): void {
  if (changed === expected) return;
  throw new WarehouseUnavailableError(`Snowflake: ${changed} of ${expected} ${what} were written: the turn was lost`);
}
