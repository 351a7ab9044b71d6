import { z } from 'zod';
import { dayMs } from '../runtime/days.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import { type Busy, costOf } from '../warehouse/snowflake/cost.ts';
import type { SnowflakeSettings } from '../warehouse/snowflake/session.ts';
import type { WarehouseReader } from '../warehouse/warehouse.ts';

/** The estimated cost of a day on Snowflake. */
export const costShape = z.object({
  flushes: count.describe('transactions of the loader'),
  rowsPerFlush: z.number().nullable().describe('mean rows in one of them; null if there were none'),
  dbtRuns: count.describe('runs of dbt'),
  secondsAwake: count.describe('time for which the virtual warehouses ran, suspension included'),
  estimatedCredits: z.number().describe('credits for that time'),
  creditsPer1000Movies: z.number().nullable().describe('credits for 1,000 loaded movies; null if none was loaded'),
});

/**
 * The estimated cost of a day on Snowflake; a day without loaded movies has no price per movie.
 * @param options.rawMovies the name of the topic. @param options.now milliseconds since the epoch.
 */
export async function readCost(
  reader: WarehouseReader,
  settings: SnowflakeSettings,
  { hasRuns, rawMovies, now }: { readonly hasRuns: boolean; readonly rawMovies: string; readonly now: number },
): Promise<ValueOf<typeof costShape>> {
  const since = `'${new Date(now - dayMs).toISOString().replace('Z', '')}'`;
  const flushes = await reader.query(`
    select loaded_at as busy_from, loaded_at as busy_to, cast(sum(row_count) as bigint) as loaded_rows,
           cast(sum(case when topic = '${rawMovies}' then row_count else 0 end) as bigint) as movies
      from bronze.load_batches where loaded_at >= ${since} group by loaded_at`);
  const runs = hasRuns
    ? await reader.query(
        `select started_at as busy_from, finished_at as busy_to from silver.dbt_runs where finished_at >= ${since}`,
      )
    : [];
  const isShared = settings.ingestWarehouse === settings.transformWarehouse;
  const { secondsAwake, credits } = costOf(flushes.map(busyOf), runs.map(busyOf), isShared);
  const total = (column: string) => flushes.reduce((sum, row) => sum + Number(row[column]), 0);
  const movies = total('movies');
  return {
    flushes: flushes.length,
    rowsPerFlush: flushes.length > 0 ? round(total('loaded_rows') / flushes.length, 1) : null,
    dbtRuns: runs.length,
    secondsAwake: Math.round(secondsAwake),
    estimatedCredits: round(credits, 3),
    creditsPer1000Movies: movies > 0 ? round((credits * 1_000) / movies, 3) : null,
  };
}

const busyOf = (row: Record<string, unknown>): Busy => {
  return { from: Date.parse(String(row['busy_from'])), to: Date.parse(String(row['busy_to'])) };
};

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
