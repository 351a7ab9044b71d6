import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds: from a token that is granted at once to one that waits for a long pause to end. */
const waitBuckets = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60];
const workBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/**
 * The metrics for Prometheus, with the names that alerts and dashboards use: one registry for each process. Lag, layers, coverage and
 * freshness are the same in every process that reports them (use `max by`); all others belong to one process (use `sum`).
 */
export function createMetrics(version: string) {
  const registry = new Registry();
  const registers = [registry];
  const build = new Gauge({
    name: 'tmdb_build_info',
    help: 'Always 1; the labels identify the process.',
    labelNames: ['version', 'node'],
    registers,
  });
  build.set({ version, node: process.version }, 1);
  const preconditionsUnmet = new Gauge({
    name: 'tmdb_preconditions_unmet',
    help: 'Always 1, for each setting of a topic or store that was not as expected at the start; see `doctor`.',
    labelNames: ['subject', 'setting'],
    registers,
  });
  const sideOutputFailing = new Gauge({
    name: 'tmdb_side_output_failing',
    help: '1 while a side output, such as the copy of GOLD, cannot be written; it is retried.',
    labelNames: ['output'],
    registers,
  });
  const logLinesLost = new Counter({
    name: 'tmdb_log_lines_lost_total',
    help: 'Lines of the log that could not be written.',
    registers,
  });
  return {
    registry,
    preconditionsUnmet,
    sideOutputFailing,
    logLinesLost,
    ...requestMetrics(registers),
    ...streamMetrics(registers),
    ...warehouseMetrics(registers),
    coverage: coverageMetrics(registers),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;

const requestMetrics = (registers: Registry[]) => ({
  requests: new Counter({
    name: 'tmdb_requests_total',
    help: 'Requests sent to TMDb, by endpoint and outcome: the HTTP status that the answer means, or `failed` if no answer came.',
    labelNames: ['endpoint', 'outcome'],
    registers,
  }),
  endpointOut: new Gauge({
    name: 'tmdb_endpoint_out',
    help: '1 during an outage of an endpoint of TMDb, by reason: unreachable, limited, refused, untrusted.',
    labelNames: ['endpoint', 'reason'],
    registers,
  }),
  tokenWait: new Histogram({
    name: 'tmdb_token_wait_seconds',
    help: 'How long a request waited for its token.',
    buckets: waitBuckets,
    registers,
  }),
  tokensLeft: new Gauge({
    name: 'tmdb_tokens_left',
    help: 'Requests that the shared limit would let through now.',
    registers,
  }),
});

const streamMetrics = (registers: Registry[]) => ({
  idsPublished: new Counter({ name: 'tmdb_ids_published_total', help: 'Movie ids published by walks.', registers }),
  itemsSkipped: new Counter({
    name: 'tmdb_list_items_skipped_total',
    help: 'Items of a list that name no movie or genre.',
    labelNames: ['list'],
    registers,
  }),
  pagesFailed: new Counter({
    name: 'tmdb_list_pages_failed_total',
    help: 'Pages of a list that could not be used.',
    labelNames: ['list'],
    registers,
  }),
  walkedAt: new Gauge({
    name: 'tmdb_walk_timestamp_seconds',
    help: 'When the last successful walk of a list ended.',
    labelNames: ['list'],
    registers,
  }),
  movies: new Counter({
    name: 'tmdb_movies_total',
    help: 'Movie ids that were finished, by outcome.',
    labelNames: ['outcome'],
    registers,
  }),
  deadLetters: new Counter({
    name: 'tmdb_dead_letters_total',
    help: 'Records parked in tmdb.dead-letters, by reason.',
    labelNames: ['reason'],
    registers,
  }),
  recordsIgnored: new Counter({
    name: 'tmdb_records_ignored_total',
    help: 'Records that a producer found in its topic and ignored: a wrong key, or a time in the future.',
    labelNames: ['topic'],
    registers,
  }),
  lagRecords: new Gauge({
    name: 'tmdb_consumer_lag_records',
    help: 'Records of a topic that its consumer group has not committed.',
    labelNames: ['topic', 'group'],
    registers,
  }),
  lagSeconds: new Gauge({
    name: 'tmdb_consumer_lag_seconds',
    help: 'Age of the oldest record that the consumer group has not committed; 0 when there is none.',
    labelNames: ['topic', 'group'],
    registers,
  }),
  uncommitted: new Gauge({
    name: 'tmdb_uncommitted_records',
    help: 'Records that this process has finished and its consumer group has not committed. A kill would repeat them.',
    labelNames: ['group'],
    registers,
  }),
  rebalances: new Counter({
    name: 'tmdb_rebalances_total',
    help: 'How often this member of a consumer group received partitions.',
    labelNames: ['group'],
    registers,
  }),
  ready: new Gauge({
    name: 'tmdb_ready',
    help: 'Whether a dependency of the service is reachable: 1 or 0.',
    labelNames: ['dependency'],
    registers,
  }),
});

const warehouseMetrics = (registers: Registry[]) => ({
  bronzeRows: new Counter({ name: 'tmdb_bronze_rows_total', help: 'Rows loaded into BRONZE.', registers }),
  bronzeBatches: new Counter({
    name: 'tmdb_bronze_batches_total',
    help: 'Batches loaded into BRONZE: one for each partition and flush.',
    registers,
  }),
  flushSeconds: new Histogram({
    name: 'tmdb_bronze_flush_seconds',
    help: 'From the time a micro-batch was due until its commit.',
    buckets: workBuckets,
    registers,
  }),
  bufferBytes: new Gauge({
    name: 'tmdb_bronze_buffer_bytes',
    help: 'Bytes of documents that wait for their flush.',
    registers,
  }),
  warehouseHeld: new Gauge({
    name: 'tmdb_warehouse_held',
    help: '1 while another process has the DuckDB file and this one waits for it; `/readyz` names it.',
    registers,
  }),
  layerMovedAt: new Gauge({
    name: 'tmdb_layer_moved_timestamp_seconds',
    help: 'When a layer last changed.',
    labelNames: ['layer'],
    registers,
  }),
  purgeUnfinished: new Gauge({
    name: 'tmdb_purge_unfinished',
    help: '1 while values of expired answers may still be in the warehouse: a purge failed, a full refresh is deferred, or the DuckDB file could not be rewritten.',
    registers,
  }),
  dbtRuns: new Counter({
    name: 'tmdb_dbt_runs_total',
    help: 'Times that dbt was due, by how it went; `skipped`: BRONZE had not moved.',
    labelNames: ['status'],
    registers,
  }),
  dbtSeconds: new Histogram({
    name: 'tmdb_dbt_run_seconds',
    help: 'How long a dbt build took.',
    buckets: workBuckets,
    registers,
  }),
  dbtFailing: new Gauge({
    name: 'tmdb_dbt_failing_nodes',
    help: 'Models and tests that failed in the last dbt build.',
    registers,
  }),
  driftFindings: new Gauge({
    name: 'tmdb_drift_findings',
    help: "What differs between TMDb's newest documents and the pinned shape, after the last dbt build.",
    registers,
  }),
  sourceFresh: new Gauge({
    name: 'tmdb_source_fresh',
    help: 'Freshness of a dbt source: 1 pass, 0.5 warn, 0 error.',
    labelNames: ['source'],
    registers,
  }),
});

/** The last report of `coverage`, in the process of the scheduler. */
const coverageMetrics = (registers: Registry[]) => ({
  movies: new Gauge({
    name: 'tmdb_coverage_movies',
    help: 'Known movies in the last coverage report, by state: fetched, gone, expired, parked, not_fetched.',
    labelNames: ['state'],
    registers,
  }),
  exported: new Gauge({
    name: 'tmdb_coverage_export_movies',
    help: 'Movies of the newest export in the last coverage report, by state: answered, missing.',
    labelNames: ['state'],
    registers,
  }),
  answerAge: new Gauge({
    name: 'tmdb_coverage_answer_age_seconds',
    help: 'Age of the newest answer of each movie in the last coverage report, by quantile; 1 is the oldest.',
    labelNames: ['quantile'],
    registers,
  }),
  readAt: new Gauge({
    name: 'tmdb_coverage_timestamp_seconds',
    help: 'When the last coverage report was computed.',
    registers,
  }),
});

/** CPU, memory, event loop and garbage collection of this process, for services. */
export const observeProcess = ({ registry }: Metrics): void => collectDefaultMetrics({ register: registry });
