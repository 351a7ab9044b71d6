import { type Busy, costOf } from '../warehouse/snowflake/cost.ts';
import type { SnowflakeSettings } from '../warehouse/snowflake/session.ts';
import type { WarehouseReader } from '../warehouse/warehouse.ts';

const dayMs = 24 * 3_600_000;

/**
 * The estimated cost of a day on Snowflake; a day without loaded movies has no price per movie.
 * @param options.rawMovies the name of the topic. @param options.now milliseconds since the epoch.
 */
export async function readCost(
  reader: WarehouseReader,
  settings: SnowflakeSettings,
  { hasRuns, rawMovies, now }: { readonly hasRuns: boolean; readonly rawMovies: string; readonly now: number },
): Promise<Record<string, unknown>[]> {
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
  return [
    {
      flushes: flushes.length,
      rows_per_flush: flushes.length > 0 ? round(total('loaded_rows') / flushes.length, 1) : null,
      dbt_runs: runs.length,
      seconds_awake: Math.round(secondsAwake),
      estimated_credits: round(credits, 3),
      credits_per_1000_movies: movies > 0 ? round((credits * 1_000) / movies, 3) : null,
    },
  ];
}

const busyOf = (row: Record<string, unknown>): Busy => {
  return { from: Date.parse(String(row['busy_from'])), to: Date.parse(String(row['busy_to'])) };
};

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
