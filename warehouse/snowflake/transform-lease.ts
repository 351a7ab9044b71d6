import { randomUUID } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';
import { escapeControls } from '../../runtime/escape-controls.ts';
import { describeHolder, isGone, ownHolder, parseHolder } from '../../runtime/holder.ts';
import { leases, timeLeft, waitFor } from '../../runtime/leases.ts';
import type { WriteLock } from '../system.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';
import { SnowflakeClient } from './client.ts';
import { SnowflakeLockedError } from './errors.ts';
import type { SessionOptions, SnowflakeSession } from './session.ts';

const renewMs = 20_000;
const pollMs = 1_000;

const table = 'silver.transform_lease';

export interface TransformLeaseOptions extends SessionOptions {
  /** How long to wait (ms); longer if a lease or a lock of a dead process may last longer. */
  readonly waitMs: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/**
 * Allows one dbt at a time, over all processes: a row that is leased by Snowflake's clock and renewed while dbt runs. A process that
 * cannot renew it in time loses it. If the holder is a dead process of this machine, the lease is taken over at once.
 * @throws WarehouseUnavailableError when the wait ends; it names the holder and the time until its lease expires.
 */
export async function takeTransformLease({ waitMs, signal, ...session }: TransformLeaseOptions): Promise<WriteLock> {
  const { clock } = session;
  const client = new SnowflakeClient(session);
  const holder = JSON.stringify({ ...ownHolder(), id: randomUUID() });
  try {
    await client.use(createTable);
    const startedAt = clock.monotonic();
    for (;;) {
      const obstacle = await tryLease(client, holder);
      if (obstacle === null) break;
      if (clock.monotonic() - startedAt >= waitFor(obstacle.lease, waitMs)) throw obstacle.error;
      await clock.sleep(pollMs, signal);
    }
    // crash point: transform.lease-taken
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
  const [over, lost] = [new AbortController(), new AbortController()];
  const renewing = keepRenewing(client, clock, holder, over.signal).catch((error) => lost.abort(error));
  return {
    isWanted: () => false,
    lost: lost.signal,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await renewing;
      // If the release cannot be sent, the lease expires by itself.
      await client.use((session) => giveBack(session, holder)).catch(() => {});
      await client[Symbol.asyncDispose]();
    },
  };
}

async function createTable(session: SnowflakeSession): Promise<void> {
  await session.execute({
    sql: `create table if not exists ${table} (holder varchar not null, leased_until timestamp_ntz not null)`,
  });
  await session.execute({
    sql: `insert into ${table} select '', sysdate() where not exists (select 1 from ${table})`,
  });
}

/** Why this process does not have the lease yet, and the lease that limits the wait. */
interface Obstacle {
  readonly lease: 'transform' | 'transaction';
  readonly error: WarehouseUnavailableError;
}

/** @returns null if this process has the lease. */
async function tryLease(client: SnowflakeClient, holder: string): Promise<Obstacle | null> {
  try {
    if (await lease(client, holder)) return null;
    const current = await client.use(currentLease);
    const owner = parseHolder(current.holder);
    // The id makes the text unique: if another process has taken the lease meanwhile, nothing changes.
    if (owner && isGone(owner) && (await lease(client, holder, current.holder))) return null;
    const who = owner ? describeHolder(owner) : `another process (${escapeControls(current.holder)})`;
    const error = new WarehouseUnavailableError(
      `dbt runs in ${who}: wait for it, or end it (if it has died, its lease expires in ${timeLeft(current.leftMs)})`,
    );
    return { lease: 'transform', error };
  } catch (error) {
    // A process that died between the two statements of `lease` left its transaction open, and with it the row's lock.
    if (error instanceof SnowflakeLockedError) return { lease: 'transaction', error };
    throw error;
  }
}

async function currentLease(session: SnowflakeSession): Promise<{ readonly holder: string; readonly leftMs: number }> {
  const { rows } = await session.execute({
    sql: `select holder, datediff('millisecond', sysdate(), leased_until) as left_ms from ${table}`,
  });
  return { holder: String(rows[0]?.['holder'] ?? ''), leftMs: Number(rows[0]?.['left_ms'] ?? 0) };
}

/** @param gone the dead holder whose lease is void. @returns whether this process has the lease. */
const lease = (client: SnowflakeClient, holder: string, gone = holder): Promise<boolean> =>
  client.transaction(
    async (session) => {
      // Locks the row, so that it cannot change before the next statement: see `takeLoadLock` of the loaders.
      await session.execute({ sql: `update ${table} set holder = holder` });
      const { rowsChanged } = await session.execute({
        sql: `update ${table} set holder = ?, leased_until = dateadd(second, ${leases.transform / 1_000}, sysdate())
               where holder = ? or holder = ? or leased_until <= sysdate()`,
        binds: [holder, holder, gone],
      });
      return rowsChanged > 0;
    },
    async () => true,
  );

async function giveBack(session: SnowflakeSession, holder: string): Promise<void> {
  await session.execute({ sql: `update ${table} set leased_until = sysdate() where holder = ?`, binds: [holder] });
}

/** @throws WarehouseUnavailableError if another process has the lease, or if it could not be renewed for its whole duration. */
async function keepRenewing(client: SnowflakeClient, clock: Clock, holder: string, over: AbortSignal): Promise<void> {
  let renewedAt = clock.monotonic();
  while (!over.aborted) {
    await clock.sleep(renewMs, over).catch(() => {});
    if (over.aborted) return;
    const startedAt = clock.monotonic();
    const isRenewed = await lease(client, holder).catch(() => undefined);
    if (isRenewed) renewedAt = startedAt;
    if (isRenewed === false || clock.monotonic() - renewedAt >= leases.transform) {
      throw new WarehouseUnavailableError('another process took over the transform lease');
    }
  }
}
