import { z } from 'zod';
import type { Context } from '../platform/context.ts';
import { transformTarget } from '../platform/warehouse.ts';
import { ExitCode, IngestError } from '../runtime/errors.ts';
import { count, time, type ValueOf } from '../runtime/shape.ts';
import type { Query, TransformState } from './state.ts';

/** A full refresh that the next build needs, and an estimate of its cost. */
export const fullRefreshShape = z.object({
  reason: z.string().describe('why the next build is a full refresh: project changed, or times in the future'),
  isDeferred: z.boolean().describe('whether TRANSFORM_FULL_REFRESH defers it until "transform --full-refresh"'),
  wasInterrupted: z.boolean().describe('whether a full refresh has begun since GOLD was built, and was not completed'),
  rows: count.describe('rows of BRONZE that it reads'),
  minutes: z.number().nullable().describe('estimate from the last full refresh; null if none is in the run log'),
  credits: z.number().nullable().describe('estimate of the credits on Snowflake; otherwise null'),
  builtAt: time.nullable().describe('when the last complete build that passed its tests ended'),
});
export type FullRefresh = ValueOf<typeof fullRefreshShape>;

/** TRANSFORM_FULL_REFRESH is `refuse`, and the next build would be a full refresh. */
class FullRefreshRefusedError extends IngestError {
  readonly code = 'full_refresh_refused';
  readonly retriable = false;
  override readonly exitCode = ExitCode.failed;

  constructor(refresh: FullRefresh) {
    super(`${describeFullRefresh(refresh)}: run "tmdb-stream transform --full-refresh"`);
  }
}

/** Its reason and cost, for people. */
function describeFullRefresh({ reason, rows, minutes, credits, wasInterrupted }: FullRefresh): string {
  const cost = [
    `${rows} rows of BRONZE`,
    minutes === null ? 'duration unknown' : `about ${minutes} minutes`,
    ...(credits === null ? [] : [`about ${credits} credits`]),
  ];
  const again = wasInterrupted ? '; the last one was not completed' : '';
  return `SILVER and GOLD need a full refresh (${reason}): ${cost.join(', ')}${again}`;
}

/** For a command that has built nothing because of that. */
export const describeDeferred = (refresh: FullRefresh): string =>
  `${describeFullRefresh(refresh)}. Nothing was built, and the published GOLD did not change: run "tmdb-stream transform --full-refresh"`;

const rowsSql = 'select cast(sum(row_count) as bigint) as loaded_rows from bronze.load_batches';

const lastSql = `
select run_seq, started_at, finished_at from silver.dbt_runs
where is_full_refresh and is_complete and models_status = 'success' and run_seq is not null
order by finished_at desc limit 1`;

/** The rows of BRONZE that a run of this number has read, if it was a full refresh. */
const rowsUpToSql = (runSeq: number) => `
select cast(sum(loaded.row_count) as bigint) as loaded_rows from bronze.load_batches as loaded
inner join silver.sealed_batches as sealed
  on loaded.batch_id = sealed.batch_id and loaded.load_seq = sealed.load_seq
where sealed.run_seq <= ${runSeq}`;

const builtSql = `
select
  max(case when status = 'success' then finished_at end) as built_at,
  max(case when is_full_refresh and models_status <> 'success' then started_at end) as unfinished_at,
  max(case when models_status = 'success' then finished_at end) as models_at
from silver.dbt_runs where is_complete`;

/**
 * What the next build would cost if it is a full refresh of tables that exist.
 * @returns null if it is none, or if there is no build yet.
 */
export async function readFullRefresh(
  context: Context,
  query: Query,
  { reason, fullRefresh }: TransformState,
): Promise<FullRefresh | null> {
  if (!fullRefresh || reason === 'never run') return null;
  const [loaded] = await query(rowsSql);
  const rows = Number(loaded?.['loaded_rows'] ?? 0);
  const [built = {}] = await query(builtSql);
  const at = (column: string) => (built[column] == null ? null : new Date(String(built[column])));
  const [unfinishedAt, modelsAt] = [at('unfinished_at'), at('models_at')];
  const seconds = await secondsFor(query, rows);
  const credits = seconds === null ? null : transformTarget(context).creditsFor(seconds);
  return {
    ...{ reason, rows },
    isDeferred: reason === 'project changed' && context.config.transformFullRefresh !== 'auto',
    wasInterrupted: unfinishedAt !== null && unfinishedAt > (modelsAt ?? new Date(0)),
    minutes: seconds === null ? null : Number((seconds / 60).toFixed(1)),
    credits: credits === null ? null : Number(credits.toFixed(3)),
    builtAt: at('built_at'),
  };
}

/** In proportion to the last full refresh. */
async function secondsFor(query: Query, rows: number): Promise<number | null> {
  const [last] = await query(lastSql);
  if (!last) return null;
  const [read] = await query(rowsUpToSql(Number(last['run_seq'])));
  const rowsThen = Number(read?.['loaded_rows'] ?? 0);
  const seconds = (Date.parse(String(last['finished_at'])) - Date.parse(String(last['started_at']))) / 1_000;
  return rowsThen > 0 ? (seconds * rows) / rowsThen : null;
}

/** Says what the next build will cost, or that it waits. @throws FullRefreshRefusedError if it is refused. */
export function announce({ config, log }: Context, refresh: FullRefresh): void {
  const { reason, rows, minutes, credits, wasInterrupted, builtAt } = refresh;
  if (refresh.isDeferred && config.transformFullRefresh === 'refuse') throw new FullRefreshRefusedError(refresh);
  log.warn(
    { reason, rows, minutes, credits, wasInterrupted, goldBuiltAt: builtAt },
    refresh.isDeferred
      ? 'full refresh deferred by TRANSFORM_FULL_REFRESH: run "tmdb-stream transform --full-refresh"; until then, dbt builds nothing and the published GOLD does not change'
      : 'full refresh: dbt builds every table from scratch; the published GOLD does not change until the build succeeds',
  );
}
