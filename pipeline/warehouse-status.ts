import { z } from 'zod';
import type { Context } from '../platform/context.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { systemClock } from '../runtime/clock.ts';
import { count, time, type ValueOf } from '../runtime/shape.ts';
import { fullRefreshShape } from '../transform/full-refresh.ts';
import { hasTable, readLayerTimes } from '../transform/layers.ts';
import { lastRunReportSql } from '../transform/state.ts';
import { readNextBuild } from '../transform/transform.ts';
import type { WarehouseReader } from '../warehouse/warehouse.ts';
import { costShape, readCost } from './cost.ts';
import { numberOrNull, timeOrNull } from './row-values.ts';

const layerShape = z.object({
  layer: z.enum(['bronze', 'silver', 'gold']).describe('name of the layer'),
  changedAt: time.nullable().describe('when it last changed; null if it never did'),
  ageSeconds: z.number().nullable().describe('time since then'),
  rowsLoaded: count.nullable().describe('rows loaded so far; null for SILVER and GOLD'),
  batches: count.describe('batches in it'),
});

const flushShape = z.object({
  loadedAt: time.describe('when it was committed'),
  rows: count.describe('rows in it'),
  batches: count.describe('batches in it: one for each partition'),
  bytes: count.describe('size of the documents in it'),
});

const dbtRunShape = z.object({
  command: z.string().describe('the command of dbt, such as build'),
  status: z.string().describe('success, failed, interrupted, or running: it has not ended, or it was killed'),
  isFullRefresh: z.boolean().describe('whether it built everything from scratch'),
  runSeq: count.nullable().describe('number of the run in SILVER and GOLD'),
  startedAt: time.nullable().describe('when it started'),
  finishedAt: time.nullable().describe('when it ended; when it started if its end is unknown'),
  models: count.describe('models that were built'),
  testsPassed: count.describe('tests that passed'),
  testsWarned: count.describe('tests with the severity "warn" that failed'),
  failed: count.describe('models and tests that failed'),
  failures: z
    .array(
      z.object({
        name: z.string().describe('name of the model or test'),
        kind: z.string().describe('model, test or another kind of node'),
        status: z.string().describe('error, fail or warn'),
        failures: count.nullable().describe('rows that fail the test; null for a model'),
      }),
    )
    .describe('models and tests that failed or warned'),
});

/** What the ledger and dbt's record of its runs say. */
export const warehouseShape = z.object({
  layers: z.array(layerShape).nullable().describe('BRONZE, SILVER and GOLD, as far as they exist'),
  lastFlush: flushShape.nullable().describe('the last transaction of the loader; null before the first'),
  lastDbtRun: dbtRunShape.nullable().describe('the last run of dbt; null before the first'),
  nextBuild: z
    .string()
    .nullable()
    .describe(
      'why the next run of dbt builds, such as new batches or partial run (the last run did not build and test everything); up to date: nothing to build; null before the first load',
    ),
  fullRefresh: fullRefreshShape
    .nullable()
    .describe('the full refresh that the next build needs; null if it needs none, or if nothing was built yet'),
  lastDayAtSnowflake: costShape
    .nullable()
    .describe('an estimate of the cost of the last 24 hours; null if the warehouse is not Snowflake'),
});
type WarehouseTables = ValueOf<typeof warehouseShape>;

/** How long (ms) a look waits for another process that has the DuckDB file open; twice as long for the lock. */
export const lookMs = 1_500;

/** For each topic, by `topicKey`, the first offsets that are not in BRONZE yet. */
export type Positions = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

export const topicKey = (...ids: readonly unknown[]): string => ids.join('/');

export interface WarehouseStatus {
  /** null: they could not be read. */
  readonly positions: Positions | null;
  readonly tables: WarehouseTables;
}

export const unreadWarehouse: WarehouseStatus = {
  positions: null,
  tables: {
    layers: null,
    lastFlush: null,
    lastDbtRun: null,
    nextBuild: null,
    fullRefresh: null,
    lastDayAtSnowflake: null,
  },
};

/** Before the first load. */
const emptyWarehouse: WarehouseStatus = { positions: new Map(), tables: { ...unreadWarehouse.tables, layers: [] } };

/** Reads the ledger and dbt's record of its runs. Waits only briefly for another process. @throws WarehouseUnavailableError. */
export async function readWarehouse(context: Context): Promise<WarehouseStatus> {
  const system = warehouseAccess(context);
  if (!system.exists()) return emptyWarehouse;
  await using reader = await system.openReader({ lookMs });
  if (!(await hasTable((sql) => reader.query(sql), 'bronze', 'load_batches'))) return emptyWarehouse;
  return {
    positions: await ledgerPositions(reader),
    tables: await readTables(reader, context),
  };
}

async function ledgerPositions(reader: WarehouseReader): Promise<Positions> {
  const positions = new Map<string, Map<number, bigint>>();
  for (const row of await reader.query('select * from bronze.load_positions')) {
    const key = topicKey(row['cluster_id'], row['topic'], row['topic_id']);
    const ofTopic = positions.get(key) ?? new Map<number, bigint>();
    positions.set(key, ofTopic.set(Number(row['kafka_partition']), BigInt(String(row['next_offset']))));
  }
  return positions;
}

async function readTables(reader: WarehouseReader, context: Context): Promise<WarehouseTables> {
  const { config } = context;
  const { snowflake } = config.warehouse;
  const rawMovies = config.kafka.topics.rawMovies.name;
  const hasRuns = await hasTable((sql) => reader.query(sql), 'silver', 'dbt_runs');
  const next = await readNextBuild(context, (sql) => reader.query(sql));
  return {
    layers: await readLayers(reader, hasRuns),
    lastFlush: await readLastFlush(reader),
    lastDbtRun: hasRuns ? await readLastRun(reader) : null,
    nextBuild: next.reason,
    fullRefresh: next.fullRefresh,
    lastDayAtSnowflake: snowflake
      ? await readCost(reader, snowflake, { hasRuns, rawMovies, now: systemClock.now() })
      : null,
  };
}

const loadedSql = 'select cast(sum(row_count) as bigint) as rows_loaded, count(*) as batches from bronze.load_batches';

/** Batches that dbt has not sealed are in BRONZE but not in SILVER and GOLD. */
const sealedSql = 'select null as rows_loaded, count(*) as batches from silver.sealed_batches';

async function readLayers(reader: WarehouseReader, hasRuns: boolean): Promise<ValueOf<typeof layerShape>[]> {
  const changedAt = await readLayerTimes((sql) => reader.query(sql));
  const [loaded] = await reader.query(loadedSql);
  const [sealed] = hasRuns ? await reader.query(sealedSql) : [];
  const now = systemClock.now();
  const layers = hasRuns ? (['bronze', 'silver', 'gold'] as const) : (['bronze'] as const);
  return layers.map((layer) => {
    const at = changedAt[layer];
    const row = layer === 'bronze' ? loaded : sealed;
    return {
      layer,
      changedAt: at === undefined ? null : new Date(at),
      ageSeconds: at === undefined ? null : Math.max(0, now - at) / 1_000,
      rowsLoaded: numberOrNull(row?.['rows_loaded']),
      batches: Number(row?.['batches'] ?? 0),
    };
  });
}

/** One transaction of the loader contains several batches with the same time, one for each partition. */
const lastFlushSql = `
  select loaded_at, cast(sum(row_count) as bigint) as loaded_rows, count(*) as batches, cast(sum(payload_bytes) as bigint) as bytes
    from bronze.load_batches
   where loaded_at = (select max(loaded_at) from bronze.load_batches)
   group by loaded_at`;

async function readLastFlush(reader: WarehouseReader): Promise<WarehouseTables['lastFlush']> {
  const [row] = await reader.query(lastFlushSql);
  const loadedAt = timeOrNull(row?.['loaded_at']);
  if (!row || loadedAt === null) return null;
  return {
    loadedAt,
    rows: Number(row['loaded_rows']),
    batches: Number(row['batches']),
    bytes: Number(row['bytes'] ?? 0),
  };
}

const failedSql = `
  select results.node_name as name, results.resource_type as kind, results.status, results.failures
    from silver.dbt_results as results
    join silver.dbt_runs as runs on runs.invocation_id = results.invocation_id
   where runs.finished_at = (select max(finished_at) from silver.dbt_runs)
     and results.status in ('error', 'fail', 'warn')
   order by results.node_name`;

async function readLastRun(reader: WarehouseReader): Promise<WarehouseTables['lastDbtRun']> {
  const [row] = await reader.query(lastRunReportSql);
  if (!row) return null;
  const failures = await reader.query(failedSql);
  return {
    command: String(row['command']),
    status: String(row['status']),
    isFullRefresh: row['is_full_refresh'] === true,
    runSeq: numberOrNull(row['run_seq']),
    startedAt: timeOrNull(row['started_at']),
    finishedAt: timeOrNull(row['finished_at']),
    models: Number(row['models']),
    testsPassed: Number(row['tests_passed']),
    testsWarned: Number(row['tests_warned']),
    failed: Number(row['failed']),
    failures: failures.map((failure) => ({
      name: String(failure['name']),
      kind: String(failure['kind']),
      status: String(failure['status']),
      failures: numberOrNull(failure['failures']),
    })),
  };
}
