import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../../clock.ts';
import type { Turn } from '../system.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';
import { SnowflakeClient } from './client.ts';
import type { SessionOptions, SnowflakeSession } from './session.ts';

/** Whoever has not renewed it for so long is taken for dead. */
const leaseSeconds = 90;
const renewMs = 20_000;
const pollMs = 1_000;

const table = 'silver.transform_turn';

export interface TransformTurnOptions extends SessionOptions {
  /** How long to wait (ms). */
  readonly waitMs: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/**
 * One dbt at a time, over all processes: a row that is leased by Snowflake's clock and renewed while we have it. A holder that
 * stands still for longer than the lease may meet another; then a batch may be worked through twice, which changes nothing.
 * @throws WarehouseUnavailableError when the wait is over.
 */
export async function takeTransformTurn({ waitMs, signal, ...session }: TransformTurnOptions): Promise<Turn> {
  const { clock } = session;
  const client = new SnowflakeClient(session);
  const holder = `${hostname()}/${process.pid}/${randomUUID()}`;
  try {
    await client.use(createTable);
    const giveUpAt = clock.monotonic() + waitMs;
    while (!(await client.use((session) => lease(session, holder)))) {
      if (clock.monotonic() >= giveUpAt) {
        throw new WarehouseUnavailableError('dbt runs in another process: wait for it, or end it');
      }
      await clock.sleep(pollMs, signal);
    }
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
  const over = new AbortController();
  const renewing = keepRenewing(client, clock, holder, over.signal);
  return {
    isWanted: () => false,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await renewing;
      // What cannot be told runs out by itself.
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

/** @returns whether it is ours. */
async function lease(session: SnowflakeSession, holder: string): Promise<boolean> {
  const { rowsChanged } = await session.execute({
    sql: `update ${table} set holder = ?, leased_until = dateadd(second, ${leaseSeconds}, sysdate())
           where holder = ? or leased_until <= sysdate()`,
    binds: [holder, holder],
  });
  return rowsChanged > 0;
}

async function giveBack(session: SnowflakeSession, holder: string): Promise<void> {
  await session.execute({ sql: `update ${table} set leased_until = sysdate() where holder = ?`, binds: [holder] });
}

async function keepRenewing(client: SnowflakeClient, clock: Clock, holder: string, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await clock.sleep(renewMs, over).catch(() => {});
    // Missed once, it is tried again well before the lease is over.
    if (!over.aborted) await client.use((session) => lease(session, holder)).catch(() => {});
  }
}
