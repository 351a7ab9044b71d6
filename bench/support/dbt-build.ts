import { join } from 'node:path';
import { loadConfig } from '../../platform/config.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Dbt } from '../../transform/dbt/dbt.ts';
import type { openColdDbt } from '../../transform/dbt/open-dbt.ts';
import { projectFingerprint } from '../../transform/state.ts';
import { openDuckDbRunLog } from '../../warehouse/duckdb/run-log.ts';
import type { BronzeFile } from './bronze-file.ts';
import { ChildMemory, childrensCpuSeconds } from './child-usage.ts';
import { median } from './median.ts';

const root = join(import.meta.dirname, '../..');
const projectDir = join(root, 'dbt');
export const vars = { project_fingerprint: await projectFingerprint(projectDir) };
const { childEnvironment } = loadConfig(process.env);

/** The cost of a build. */
export interface Cost {
  readonly seconds: number;
  /** null if the system does not report it. */
  readonly cpuSeconds: number | null;
  /** Largest resident memory of dbt's process, DuckDB's included. */
  readonly megabytes: number;
  /** Sum over the models and tests of history and drift; dbt runs two nodes at a time. */
  readonly historySeconds: number;
}

/** The models and tests of history and drift by their names in dbt. */
const ofHistory = 'movie_observations|movie_history|movie_daily|kpi_movers|document_shapes|silver_drift';
const historySql = `
  select coalesce(sum(results.seconds), 0) as seconds
  from silver.dbt_results as results
  where regexp_matches(results.node_name, '${ofHistory}')
    and results.invocation_id = (select arg_max(invocation_id, finished_at) from silver.dbt_runs)`;

/** dbt for a file, in a process of its own for each build or in one that stays. */
export const openDbt = (open: typeof openColdDbt, { path }: BronzeFile, workDir: string): Dbt =>
  open({
    projectDir,
    environmentDir: join(root, '.tools', 'dbt'),
    workDir,
    env: { ...childEnvironment, WAREHOUSE: 'duckdb', DUCKDB_PATH: path },
    openRunLog: () => openDuckDbRunLog({ path, lockWaitMs: 5_000, clock: systemClock }),
  });

/** The same call as in `transform/transform.ts`. */
export async function build(dbt: Dbt, file: BronzeFile, fullRefresh = false): Promise<Cost> {
  using memory = new ChildMemory();
  const before = childrensCpuSeconds();
  const { signal } = new AbortController();
  const { seconds } = await dbt.run({ command: 'build', fullRefresh, vars, signal });
  const after = childrensCpuSeconds();
  const [history] = await file.query(historySql);
  return {
    seconds,
    cpuSeconds: before === null || after === null ? null : after - before,
    megabytes: memory.peakMegabytes,
    historySeconds: Number(history?.['seconds']),
  };
}

/** The median of each figure, and the most memory. */
export function medianCost(costs: readonly Cost[]): Cost {
  const cpu = costs.flatMap(({ cpuSeconds }) => cpuSeconds ?? []);
  return {
    seconds: median(costs.map(({ seconds }) => seconds)),
    cpuSeconds: cpu.length > 0 ? median(cpu) : null,
    megabytes: Math.max(...costs.map(({ megabytes }) => megabytes)),
    historySeconds: median(costs.map(({ historySeconds }) => historySeconds)),
  };
}
