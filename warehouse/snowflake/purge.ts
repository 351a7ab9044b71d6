import type { ExpiredAnswers, Purge } from '../expiry.ts';
import { SnowflakeClient } from './client.ts';
import {
  ExpiredBatches,
  type ExpiredPart,
  isExpired,
  type PurgeLimits,
  placesOf,
  tablesOfBronze,
} from './expired-batches.ts';
import { removeLeftovers } from './leftovers.ts';
import { untilUnlocked } from './load-lock.ts';
import { finishCutoffs, timeOf } from './purged-before.ts';
import { replaceExpired } from './replace-expired.ts';
import type { SessionOptions, SnowflakeSession } from './session.ts';
import { takeTransformLease } from './transform-lease.ts';
import { statementsOf } from './warehouse.ts';

export interface SnowflakePurgeOptions extends SessionOptions {
  readonly limits?: PurgeLimits;
  /** Age (ms) from which a file in the stage is left over. @default an hour */
  readonly leftoverMs?: number;
  /** Ends a purge before the COMMIT of its transaction, and each wait. */
  readonly signal?: AbortSignal;
}

/**
 * Each call has a session of its own. The role must be able to update BRONZE: dbt's role or the engineers' role. A purge replaces nothing while dbt runs.
 * Snowflake keeps replaced documents in Time Travel and Fail-safe. @throws the errors of `openSnowflakeSession`, as do all its calls.
 */
export const openSnowflakePurge = (options: SnowflakePurgeOptions): Purge => new SnowflakePurge(options);

class SnowflakePurge implements Purge {
  readonly #options: SnowflakePurgeOptions;
  /** Continues in the next call. */
  #search: ExpiredBatches | undefined;

  constructor(options: SnowflakePurgeOptions) {
    this.#options = options;
  }

  expired(before: Date): Promise<ExpiredAnswers> {
    return this.#use((session) => expiredAnswers(session, before));
  }

  async blankNext(before: Date): Promise<number> {
    await using client = new SnowflakeClient(this.#options);
    const isSame = this.#search?.before.getTime() === before.getTime();
    let search = isSame ? this.#search : undefined;
    // After a failure, the next call searches again.
    this.#search = undefined;
    for (;;) {
      this.#options.signal?.throwIfAborted();
      search ??= await client.use((session) => this.#begin(session, before));
      const batches = search;
      const part = await client.use((session) => batches.next(session));
      if (part === null) return 0;
      // crash point: snowflake.purge-searched
      const blanked = await this.#blank(client, part, before);
      // crash point: snowflake.purge-committed
      if (blanked > 0) {
        this.#search = search;
        return blanked;
      }
      // Another process has changed these batches since the search.
      search = undefined;
    }
  }

  async removeLeftovers(): Promise<number> {
    await using client = new SnowflakeClient(this.#options);
    return await removeLeftovers(client, this.#options.leftoverMs);
  }

  now(): Promise<Date> {
    return this.#use(timeOf);
  }

  isUnfinished(): Promise<boolean> {
    return this.#use(isUnfinished);
  }

  /** There is no file to rewrite: SILVER and GOLD have been built without the documents. */
  async finish(blankedBy: Date): Promise<readonly string[]> {
    // crash point: snowflake.purge-finishing
    await this.#use((session) => finishCutoffs(session, blankedBy));
    return [];
  }

  async #use<T>(call: (session: SnowflakeSession) => Promise<T>): Promise<T> {
    await using client = new SnowflakeClient(this.#options);
    return await client.use(call);
  }

  async #begin(session: SnowflakeSession, before: Date): Promise<ExpiredBatches> {
    const tables = await tablesOfBronze(session);
    if (!tables.has('purges')) await createPurges(session);
    return new ExpiredBatches(before, placesOf(tables), this.#options.limits ?? {});
  }

  /** With the transform lease, because the models of one build must not read different numbers and documents. */
  async #blank(client: SnowflakeClient, part: ExpiredPart, before: Date): Promise<number> {
    const { clock, signal: stop, settings } = this.#options;
    await using lease = await takeTransformLease({ ...this.#options, waitMs: settings.timeoutMs });
    const signal = AbortSignal.any([lease.lost, stop].filter((one) => one !== undefined));
    return await untilUnlocked(clock, () => replaceExpired(client, part, before, signal), signal);
  }
}

async function isUnfinished(session: SnowflakeSession): Promise<boolean> {
  if (!(await tablesOfBronze(session)).has('purges')) return false;
  const { rows } = await session.execute({
    sql: 'select 1 as one from bronze.purges where finished_at is null limit 1',
  });
  return rows.length > 0;
}

/** For an account where `warehouse provision` has not run since the update. Not in a transaction, because DDL would commit it. */
async function createPurges(session: SnowflakeSession): Promise<void> {
  const sql = statementsOf('').find(({ name }) => name === 'purges')?.sql ?? '';
  await session.execute({ sql });
}

/** The bytes are an estimate from the ledger: to measure the documents, Snowflake would read and serialize all old ones. */
async function expiredAnswers(session: SnowflakeSession, before: Date): Promise<ExpiredAnswers> {
  const total = { rows: 0, movies: 0, bytes: 0 };
  for (const { table, prefix } of placesOf(await tablesOfBronze(session))) {
    const movies = table === 'raw_movies' ? 'count(distinct raw.movie_id)' : '0';
    const { rows } = await session.execute({
      sql: `select count(*) as documents, ${movies} as movies, coalesce(round(sum(line.document_bytes)), 0) as bytes
              from bronze.${prefix}${table} as raw
              left join (
                select load_seq, batch_id, max(payload_bytes / greatest(row_count, 1)) as document_bytes
                  from bronze.${prefix}load_batches group by load_seq, batch_id
              ) as line on raw.load_seq = line.load_seq and raw.batch_id = line.batch_id
             where ${isExpired(before)}`,
    });
    total.rows += Number(rows[0]?.['documents']);
    total.movies = Math.max(total.movies, Number(rows[0]?.['movies']));
    total.bytes += Number(rows[0]?.['bytes']);
  }
  return total;
}
