import { randomUUID } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';
import { isRetriable } from '../../runtime/errors.ts';
import type { RunLogTables } from '../../warehouse/system.ts';
import { failedStatuses, type NodeResult, type RunResults } from './run-results.ts';

/** A command of dbt that has ended. */
export interface EndedRun {
  /** Absent if a person started dbt, because it is then unknown. Such a command leaves no row if it ends before the hook. */
  readonly started?: {
    readonly command: string;
    readonly isComplete: boolean;
    readonly isFullRefresh: boolean;
    readonly fingerprint: string | null;
  };
  /** When it was started and when it had ended (ms since the epoch). */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Null if dbt ended before it wrote them. */
  readonly results: RunResults | null;
  /** Whether dbt ended with exit code 0. */
  readonly hasSucceeded: boolean;
}

/** Statuses of dbt's nodes that are no success. */
const bad: ReadonlySet<string> = new Set([...failedStatuses, 'skipped']);

/** `success` only if dbt says so, has results, and none of them is bad. */
function statusesOf({ results, hasSucceeded }: EndedRun): { readonly status: string; readonly models: string } {
  const nodes = results?.results ?? [];
  const models = nodes.filter(({ unique_id }) => unique_id.startsWith('model.'));
  const isBad = ({ status }: NodeResult) => bad.has(status);
  // If dbt failed but no node did, dbt was interrupted, and the results lack some models.
  const isWhole = nodes.length > 0 && (hasSucceeded || nodes.some(isBad));
  const named = (isGood: boolean) => (isGood ? 'success' : 'failed');
  return {
    status: named(isWhole && !nodes.some(isBad)),
    models: named(isWhole && !models.some(isBad)),
  };
}

const tablesSql = `
select
  count(case when lower(table_schema) = 'silver' and lower(table_name) in ('dbt_runs', 'dbt_results', 'sealed_batches') then 1 end)
    as of_run_log,
  count(case when lower(table_schema) = 'gold' and lower(table_name) = 'build_state' then 1 end) as of_build_state
from information_schema.tables`;

/** How long (ms) the write of an outcome is retried, and how often: a lost outcome costs another build. */
const [patienceMs, retryMs] = [2 * 60_000, 5_000];

/**
 * Writes the outcome of a run into silver.dbt_runs and silver.dbt_results. The hook at the start of a run (dbt/macros/run_log.sql) has
 * written its row with the status `running`, which stays if this process is killed too: so no run counts as a success unless its results
 * say so. If dbt ended before the hook, the row is written here, unless no run has ever begun. While the warehouse is unavailable, the
 * write is retried for two minutes; a retry changes nothing if the last one has taken effect.
 * @throws the last error, or the signal's reason if it aborts between two attempts.
 */
export async function recordRun(
  open: () => Promise<RunLogTables>,
  run: EndedRun,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const id = run.results?.metadata.invocation_id ?? randomUUID();
  for (const giveUpAt = clock.monotonic() + patienceMs; ; ) {
    try {
      await using log = await open();
      return await writeOutcome(log, run, id);
    } catch (error) {
      if (!isRetriable(error) || clock.monotonic() >= giveUpAt) throw error;
    }
    await clock.sleep(retryMs, signal);
  }
}

async function writeOutcome(log: RunLogTables, run: EndedRun, id: string): Promise<void> {
  const [tables = {}] = await log.query(tablesSql);
  if (Number(tables['of_run_log'] ?? 0) < 3) return;
  const { status, models } = statusesOf(run);
  // Without results, dbt's id is unknown: its row is the one that says `running`, or `failed` after a write without a reply.
  const row = run.results
    ? `invocation_id = ${text(id)}`
    : `status in ('running', 'failed') and started_at >= ${timestamp(run.startedAt)}`;
  await log.write([
    ...insertRow(run, id, row),
    ...insertResults(id, run),
    `update silver.dbt_runs
     set status = '${status}', models_status = '${models}', finished_at = ${timestamp(run.finishedAt)} where ${row}`,
    ...(Number(tables['of_build_state']) > 0 && status === 'success' ? stateAfter(id, run.finishedAt) : []),
  ]);
}

/** If dbt ended before the hook. */
function insertRow({ started, startedAt, finishedAt }: EndedRun, id: string, row: string): string[] {
  if (!started) return [];
  const { command, isComplete, isFullRefresh, fingerprint } = started;
  return [
    `insert into silver.dbt_runs
     select ${text(id)}, ${text(command)}, ${isComplete}, ${isFullRefresh}, 'failed', 'failed',
       (select max(run_seq) from silver.sealed_batches), ${fingerprint === null ? 'null' : text(fingerprint)},
       ${timestamp(startedAt)}, ${timestamp(finishedAt)}
     where not exists (select 1 from silver.dbt_runs where ${row})`,
  ];
}

/** The values are only constants, because Snowflake accepts few expressions there. Hooks are absent unless they failed. */
function insertResults(id: string, { results, finishedAt }: EndedRun): string[] {
  const nodes =
    results?.results.filter((node) => !node.unique_id.startsWith('operation.') || bad.has(node.status)) ?? [];
  if (nodes.length === 0) return [];
  const rows = nodes.map((node) => {
    const [type = '', , ...names] = node.unique_id.split('.');
    const name = (type === 'unit_test' ? names.at(-1) : names[0]) ?? '';
    const end = node.timing.map(({ completed_at }) => completed_at).findLast((at) => at != null);
    return `(${[node.unique_id, name, type, node.status].map(text).join(', ')}, ${node.execution_time},
      ${integer(node.adapter_response['rows_affected'])}, ${integer(node.failures)}, ${text(momentOf(end ?? finishedAt))})`;
  });
  return [
    `insert into silver.dbt_results
     select ${text(id)}, node_id, node_name, resource_type, status, cast(seconds as double), cast(rows_affected as bigint),
       cast(failures as bigint), cast(finished_at as timestamp)
     from (values ${rows.join(',\n')})
       as result (node_id, node_name, resource_type, status, seconds, rows_affected, failures, finished_at)
     where exists (select 1 from silver.dbt_runs where invocation_id = ${text(id)})
       and not exists (select 1 from silver.dbt_results where invocation_id = ${text(id)})`,
  ];
}

/**
 * GOLD is consistent after a complete build, not after a run of some models, or of all models without tests. Nothing changes if another
 * run has begun since: see dbt/macros/build_state.sql.
 */
const stateAfter = (id: string, finishedAt: number): string[] => {
  const [own, complete] = [
    `started_by = ${text(id)}`,
    `select 1 from silver.dbt_runs where invocation_id = ${text(id)} and is_complete`,
  ];
  return [
    `update gold.build_state set finished_seq = started_seq, finished_ms = ${finishedAt} where ${own} and exists (${complete})`,
    `update gold.build_state set partial_seq = started_seq where ${own} and not exists (${complete})`,
  ];
};

const text = (value: string): string => `'${value.replaceAll("'", "''").replaceAll('\\', '')}'`;
const integer = (value: unknown): string => (Number.isInteger(value) ? String(value) : 'null');
const timestamp = (at: number): string => `cast(${text(momentOf(at))} as timestamp)`;

/** In UTC, with the digits that dbt wrote. */
const momentOf = (at: number | string): string =>
  (typeof at === 'number' ? new Date(at).toISOString() : at).replace('T', ' ').replace(/Z$|\+00:00$/, '');
