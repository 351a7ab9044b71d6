import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../../clock.ts';
import type { Turn } from '../system.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';
import { SnowflakeClient } from './client.ts';
import type { SessionOptions, SnowflakeSession } from './session.ts';

/** Whoever has not renewed it for so long is taken for dead. */
const leaseMs = 90_000;
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
 * One dbt at a time, over all processes: a row that is leased by Snowflake's clock and renewed while we have it. Who cannot
 * renew it in time has lost it.
 * @throws WarehouseUnavailableError when the wait is over.
 */
export async function takeTransformTurn({ waitMs, signal, ...session }: TransformTurnOptions): Promise<Turn> {
  const { clock } = session;
  const client = new SnowflakeClient(session);
  const holder = `${hostname()}/${process.pid}/${randomUUID()}`;
  try {
    await client.use(createTable);
    const giveUpAt = clock.monotonic() + waitMs;
    while (!(await lease(client, holder))) {
      if (clock.monotonic() >= giveUpAt) {
        throw new WarehouseUnavailableError('dbt runs in another process: wait for it, or end it');
      }
      await clock.sleep(pollMs, signal);
    }
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
const lease = (client: SnowflakeClient, holder: string): Promise<boolean> =>
  client.transaction(
    async (session) => {
      // Locks the row, so that the next statement looks at what nobody can change: see `takeTurn` of the loaders.
      await session.execute({ sql: `update ${table} set holder = holder` });
      const { rowsChanged } = await session.execute({
        sql: `update ${table} set holder = ?, leased_until = dateadd(second, ${leaseMs / 1_000}, sysdate())
               where holder = ? or leased_until <= sysdate()`,
        binds: [holder, holder],
      });
      return rowsChanged > 0;
    },
    async () => true,
  );

async function giveBack(session: SnowflakeSession, holder: string): Promise<void> {
  await session.execute({ sql: `update ${table} set leased_until = sysdate() where holder = ?`, binds: [holder] });
}

/** @throws WarehouseUnavailableError when it is somebody else's, or could not be renewed for as long as it lasts. */
async function keepRenewing(client: SnowflakeClient, clock: Clock, holder: string, over: AbortSignal): Promise<void> {
  let renewedAt = clock.monotonic();
  while (!over.aborted) {
    await clock.sleep(renewMs, over).catch(() => {});
    if (over.aborted) return;
    const startedAt = clock.monotonic();
    const isOurs = await lease(client, holder).catch(() => undefined);
    if (isOurs) renewedAt = startedAt;
    if (isOurs === false || clock.monotonic() - renewedAt >= leaseMs) {
      throw new WarehouseUnavailableError('the turn to run dbt was lost to another process');
    }
  }
}
