import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dayMs } from '../runtime/days.ts';
import { maxAheadMs } from '../schemas/record-rules.ts';

/** A query to the warehouse; integers may be numbers, bigints or text. */
export type Query = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** Whether dbt has anything to do, and why. */
export interface TransformState {
  readonly due: boolean;
  readonly reason:
    | 'nothing loaded'
    | 'never run'
    | 'project changed'
    | 'times in the future'
    | 'clock behind'
    | 'last run failed'
    | 'run interrupted'
    | 'partial run'
    | 'new batches'
    | 'up to date';
  /** Whether the tables may contain rows from other SQL than today's: then only a full refresh corrects them. */
  readonly fullRefresh: boolean;
  /** How many batches, or movies of SILVER, wait until the clock here has reached the times of their answers: dbt/macros/batches.sql. */
  readonly waiting: number;
}

/**
 * A hash of everything that determines the tables' content: the models' and macros' SQL, and the project's settings. Pass it to
 * `Dbt.run` as the variable `project_fingerprint`, and here, to detect a changed project.
 */
export async function projectFingerprint(projectDir: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [
    'dbt_project.yml',
    ...(await sqlFiles(projectDir, 'macros')),
    ...(await sqlFiles(projectDir, 'models')),
  ]) {
    hash
      .update(`${file}\0`)
      .update(await readFile(join(projectDir, file)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

async function sqlFiles(projectDir: string, folder: string): Promise<string[]> {
  const files = await readdir(join(projectDir, folder), { recursive: true });
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => join(folder, file))
    .sort();
}

const tablesSql = `
select
  count(case when lower(table_schema) = 'bronze' and lower(table_name) = 'load_batches' then 1 end) as of_loader,
  count(case when lower(table_schema) = 'silver' and lower(table_name) in ('sealed_batches', 'dbt_runs') then 1 end) as of_dbt
from information_schema.tables`;

/** The clock of this machine: it believes an answer up to `latest`, and a later one up to `farthest` counts as another clock's. */
interface Times {
  readonly latest: Date;
  readonly farthest: Date;
}

/** The run that seals a batch would lose an answer that it does not believe. */
const unsealedSql = ({ latest, farthest }: Times) => `
with premature as (
  select distinct batch_id from bronze.raw_movies
  where fetched_at > ${timestampOf(latest)} and fetched_at <= ${timestampOf(farthest)}
    and fetched_at <= ingested_at + interval '1 hour'
)
select
  count(case when premature.batch_id is null then 1 end) as batches,
  count(premature.batch_id) as waiting
from bronze.load_batches as loaded
left join premature on loaded.batch_id = premature.batch_id
where not exists (
  select 1 from silver.sealed_batches as sealed
  where sealed.batch_id = loaded.batch_id and sealed.load_seq = loaded.load_seq
)`;

/** SQL for a time, to the second. */
export const timestampOf = (time: Date): string =>
  `cast('${time.toISOString().slice(0, 19).replace('T', ' ')}' as timestamp)`;

const sealedSql = 'select max(run_seq) as run_seq from silver.sealed_batches';

const lastBuiltSql = `
select run_seq, project_fingerprint, finished_at from silver.dbt_runs
where is_complete and models_status = 'success' and project_fingerprint is not null
order by finished_at desc limit 1`;

/** Runs of other SQL that failed or were killed since: they may have left rows that an incremental build of this SQL would keep. */
const otherSqlSql = `
with built as (${lastBuiltSql})
select count(*) as runs_of_other_sql from silver.dbt_runs as runs cross join built
where runs.finished_at > built.finished_at and runs.models_status <> 'success'
  and runs.project_fingerprint <> built.project_fingerprint`;

const futureSql = ({ latest, farthest }: Times) => `
select count(case when _fetched_at > ${timestampOf(farthest)} then 1 end) as rows_of_the_future, count(*) as rows_ahead
from silver.silver_movies
where _fetched_at > ${timestampOf(latest)}`;

/** A later run of only some models, by hand, does not repair a failure of the last complete run, and leaves GOLD inconsistent. */
const lastRunsSql = `
select
  max_by(status, finished_at) as of_any,
  max_by(case when is_complete then status end, case when is_complete then finished_at end) as of_complete,
  max_by(case when is_complete then 'complete' else 'partial' end, finished_at) as kind
from silver.dbt_runs where command in ('run', 'build')`;

/**
 * Reads the ledger and dbt's record of its runs: cheap enough to repeat every few seconds.
 * @param now milliseconds since the epoch. Rows of SILVER with a later time come from a wrong clock.
 */
export async function transformState(query: Query, fingerprint: string, now = Date.now()): Promise<TransformState> {
  const one = async (sql: string) => Object.values((await query(sql))[0] ?? {});
  const because = (reason: TransformState['reason'], { fullRefresh = false, waiting = 0 } = {}): TransformState => ({
    due: reason !== 'up to date' && reason !== 'nothing loaded' && reason !== 'clock behind',
    ...{ reason, fullRefresh, waiting },
  });
  const [ofLoader, ofDbt] = await one(tablesSql);
  if (Number(ofLoader) < 1) return because('nothing loaded');
  if (Number(ofDbt) < 2) return because('never run', { fullRefresh: true });
  const [builtSeq, builtFingerprint] = await one(lastBuiltSql);
  if (builtFingerprint === undefined) return because('never run', { fullRefresh: true });
  const times = { latest: new Date(now + maxAheadMs), farthest: new Date(now + dayMs) };
  const [future, ahead] = (await one(futureSql(times))).map(Number);
  if (future) return because('times in the future', { fullRefresh: true });
  // A build would take answers out of SILVER that no later one reads again.
  if (ahead) return because('clock behind', { waiting: ahead });
  if (builtFingerprint !== fingerprint) return because('project changed', { fullRefresh: true });
  if (Number((await one(otherSqlSql))[0]) > 0) return because('project changed', { fullRefresh: true });
  const [ofAny, ofComplete, kind] = await one(lastRunsSql);
  const lastStatuses = [ofAny, ofComplete];
  if (lastStatuses.includes('failed')) return because('last run failed');
  if (lastStatuses.some((status) => status !== 'success')) return because('run interrupted');
  const [sealedSeq] = await one(sealedSql);
  if (Number(sealedSeq ?? 0) > Number(builtSeq ?? 0)) return because('run interrupted');
  if (kind === 'partial') return because('partial run');
  const [batches, waiting] = (await one(unsealedSql(times))).map(Number);
  return because(batches ? 'new batches' : 'up to date', { waiting });
}

/** The newest run of dbt, with its failures; no row before the first. */
export const lastRunReportSql = `
select
  runs.command, runs.status, runs.is_full_refresh, runs.run_seq, runs.started_at, runs.finished_at,
  count(case when results.resource_type = 'model' and results.status = 'success' then 1 end) as models,
  count(case when results.resource_type <> 'model' and results.status = 'pass' then 1 end) as tests_passed,
  count(case when results.resource_type <> 'model' and results.status = 'warn' then 1 end) as tests_warned,
  count(case when results.status in ('error', 'fail') then 1 end) as failed
from silver.dbt_runs as runs
left join silver.dbt_results as results on runs.invocation_id = results.invocation_id
where runs.finished_at = (select max(finished_at) from silver.dbt_runs)
group by all`;
