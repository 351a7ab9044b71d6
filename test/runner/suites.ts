/** A part of the full tier: what it runs, and the paths whose changes make it run first. */
export interface Suite {
  /** Also its name in `test/budget.json`. */
  readonly name: string;
  /** Runs vitest on these files, with the settings below and with the tests that carry the tag `full`. */
  readonly files?: readonly string[];
  /** Runs this instead: a script of `package.json` and its arguments. */
  readonly script?: readonly [string, ...string[]];
  /** The folders and files that this suite covers. The path of a folder ends in `/`. */
  readonly touches: readonly string[];
}

/** Numbers of the full tier for tests that read a number from the environment. A variable that is already set wins. */
export const fullNumbers: Readonly<Record<string, string>> = {
  /** Includes the cases that take minutes. */
  FAULTS: 'full',
  /** Kills of the loader. Each other stage is killed a quarter as often. */
  FAULT_KILLS: '200',
  /** Kills of the broker and of the fetcher, each while 1,000 ids are fetched. */
  FETCH_KILLS: '6',
  /** How long Kafka is away, and how often. */
  OUTAGE_SECONDS: '300',
  OUTAGES: '3',
  /** How long TMDb refuses the token, and how long the token store is away. */
  REFUSED_SECONDS: '120',
  STORE_AWAY_SECONDS: '60',
  /** How long each fault of the network lasts. */
  FAULT_SECONDS: '30',
  SOAK_MINUTES: '10',
  /** How long one of three brokers after the other fails; with start and end, the suite stays within a shard. */
  BROKER_CHAOS_MINUTES: '16',
  /** Faults between the loader and Snowflake. */
  FAULT_STATEMENTS: '200',
  /** Histories of the loader's model. */
  MODEL_RUNS: '10000',
  /** Movies of the simulated quarter. */
  QUARTER_MOVIES: '50000',
  /** Batches of documents, at most 25 in each. */
  CONTENTS_RUNS: '100',
  /** Kills of the whole program, each at a different step. */
  KILLS: '8',
};

/** The full settings, except for those that the environment sets. */
export const chosenNumbers = (): Record<string, string> =>
  Object.fromEntries(Object.entries(fullNumbers).filter(([name]) => !process.env[name]));

/** What both warehouses share. */
const sharedByWarehouses = [
  ...['warehouse/adoption.ts', 'warehouse/bronze-columns.ts', 'warehouse/expiry.ts', 'warehouse/ledger.ts'],
  ...['warehouse/numbered-batch.ts', 'warehouse/rebuild-sql.ts'],
];

/** In a suite of its own: the container tests in one suite would take longer than a shard. */
const containerFaults = 'test/containers/faults.test.ts';
const ofContainers = [
  ...['Dockerfile', '.dockerignore', 'docker-compose.yml', 'deploy/', 'test/containers/'],
  ...['package.json', 'dbt/requirements.txt', 'dbt/requirements-duckdb.txt', 'docs/runbook.md'],
];

/** Everything that `npm test` omits or runs with smaller numbers. */
export const suites: readonly Suite[] = [
  {
    name: 'loader-model',
    files: ['test/unit/consumers/loader-model.test.ts'],
    touches: ['consumers/', 'test/support/loader-model/'],
  },
  {
    name: 'discovery',
    files: ['test/unit/producers/quarter.test.ts'],
    touches: ['producers/', 'test/support/discovery/', 'sandbox/export.ts'],
  },
  {
    name: 'kills',
    files: ['test/faults/kills.test.ts', 'test/faults/crash-loop.test.ts', 'test/e2e/kill.test.ts'],
    touches: ['consumers/', 'producers/', 'pipeline/'],
  },
  {
    name: 'requests-per-id',
    files: ['test/faults/requests-per-id.test.ts', 'test/e2e/side-by-side.test.ts'],
    touches: ['kafka/', 'consumers/fetcher.ts'],
  },
  {
    name: 'crash-points',
    files: ['test/faults/crash-points.test.ts'],
    touches: ['consumers/', 'producers/', 'warehouse/duckdb/'],
  },
  {
    name: 'network',
    files: ['test/faults/network.test.ts'],
    touches: ['kafka/', 'test/support/network/fault-proxy.ts'],
  },
  {
    name: 'kafka-outage',
    files: ['test/faults/kafka-outage.test.ts'],
    touches: ['kafka/', 'platform/open-kafka.ts', 'platform/kafka-watch.ts'],
  },
  {
    name: 'dependency-outages',
    files: ['test/faults/dependency-outages.test.ts'],
    touches: ['tmdb/', 'pipeline/service.ts', 'deploy/prometheus/'],
  },
  {
    name: 'failover',
    files: ['test/faults/failover.test.ts'],
    touches: ['kafka/', 'test/support/kafka/three-brokers.ts'],
  },
  {
    name: 'three-brokers',
    files: ['test/faults/three-brokers.test.ts'],
    touches: ['kafka/', 'test/support/kafka/three-brokers.ts', 'test/support/processes/three-broker-bed.ts'],
  },
  {
    name: 'kafka',
    files: [
      'test/faults/kafka.test.ts',
      'test/faults/kafka-security.test.ts',
      'test/faults/false-records.test.ts',
      'test/faults/poisons.test.ts',
      'test/integration/kafka/',
      'test/integration/dead-letters.test.ts',
      'test/integration/dry-runs.test.ts',
      'test/integration/prefix-change.test.ts',
      'test/integration/replay-ids.test.ts',
      'test/integration/topic-preconditions.test.ts',
      'test/deploy/compose-broker.test.ts',
    ],
    touches: ['kafka/', 'schemas/', 'dead-letters/', 'replay/', 'consumers/raw-row.ts', 'consumers/dead-letter.ts'],
  },
  {
    name: 'tmdb',
    files: [
      'test/faults/tmdb.test.ts',
      'test/faults/tmdb-any-answer.test.ts',
      'test/faults/tmdb-connection.test.ts',
      'test/faults/tmdb-outage.test.ts',
      'test/faults/tmdb-walk.test.ts',
    ],
    touches: ['tmdb/', 'producers/', 'consumers/fetcher.ts'],
  },
  {
    name: 'token-bucket',
    files: ['test/faults/token-store.test.ts', 'test/faults/clocks.test.ts'],
    touches: ['tmdb/token-bucket/'],
  },
  {
    name: 'duckdb',
    files: [
      'test/contract/bronze-columns.test.ts',
      'test/e2e/retention.test.ts',
      'test/contract/duckdb-warehouse.test.ts',
      'test/faults/warehouse.test.ts',
      'test/faults/warehouse-file.test.ts',
      'test/faults/purge.test.ts',
      'test/faults/audit.test.ts',
      'test/integration/duckdb-file.test.ts',
    ],
    touches: ['warehouse/duckdb/', ...sharedByWarehouses],
  },
  {
    name: 'snowflake',
    files: ['test/contract/leases.test.ts', 'test/contract/snowflake'],
    touches: ['warehouse/snowflake/', 'test/support/snowflake/emulator/', ...sharedByWarehouses],
  },
  {
    name: 'snowflake-pipeline',
    files: ['test/integration/snowflake', 'test/e2e/snowflake', 'test/faults/snowflake'],
    touches: ['warehouse/snowflake/', 'test/support/snowflake/emulator/'],
  },
  {
    name: 'dbt',
    files: ['test/integration/dbt/', 'test/integration/schedule.test.ts', 'test/faults/contents.test.ts'],
    touches: ['dbt/', 'transform/'],
  },
  {
    name: 'command-line',
    files: [
      'test/e2e/cli.test.ts',
      'test/e2e/first-run.test.ts',
      'test/e2e/terminal.test.ts',
      'test/e2e/fleet.test.ts',
      'test/e2e/looks.test.ts',
      'test/e2e/tools.test.ts',
      'test/e2e/places.test.ts',
      'test/e2e/recorded.test.ts',
      'test/e2e/replay.test.ts',
      'test/e2e/repair.test.ts',
      'test/e2e/supervised.test.ts',
      'test/faults/canaries.test.ts',
      'test/faults/hostile-folder.test.ts',
      'test/faults/security.test.ts',
      'test/integration/defaults.test.ts',
      'test/integration/http-proxy.test.ts',
      'test/integration/sandbox/generated-memory.test.ts',
    ],
    touches: ['cli.ts', 'commands/', 'pipeline/', 'sandbox/', 'replay/'],
  },
  {
    name: 'on-call',
    files: ['test/e2e/on-call.test.ts'],
    touches: ['docs/runbook.md', 'platform/local-services.ts', 'platform/start-local-services.ts', 'pipeline/up.ts'],
  },
  {
    name: 'dashboard',
    files: ['test/integration/dashboard-browser.test.ts', 'test/integration/dashboard.test.ts'],
    touches: ['dashboard/', 'warehouse/duckdb/gold-reader.ts'],
  },
  {
    name: 'pairs-equals',
    files: ['test/e2e/pairs-equals.test.ts'],
    touches: ['cli.ts', 'commands/', 'pipeline/', 'consumers/'],
  },
  {
    name: 'pairs-run-once',
    files: ['test/e2e/pairs-run-once.test.ts'],
    touches: ['cli.ts', 'commands/', 'pipeline/', 'consumers/'],
  },
  {
    name: 'containers',
    script: ['test:containers', '--exclude', containerFaults],
    touches: ofContainers,
  },
  {
    name: 'containers-faults',
    script: ['test:containers', containerFaults],
    touches: ofContainers,
  },
  {
    name: 'superset',
    script: ['test:superset'],
    touches: ['deploy/superset/', 'test/superset/', 'dbt/metrics.json'],
  },
  {
    name: 'soak',
    files: ['test/faults/soak.test.ts'],
    touches: ['consumers/', 'producers/', 'pipeline/', 'kafka/', 'tmdb/', 'warehouse/', 'runtime/'],
  },
  { name: 'mutants-discovery', script: ['test:mutants', 'discovery:'], touches: ['producers/'] },
  { name: 'mutants-loader', script: ['test:mutants', 'loader:'], touches: ['consumers/'] },
  {
    name: 'mutants-warehouse',
    script: ['test:mutants', 'warehouse:', 'replay:', 'rebuild:', 'adoption:'],
    touches: ['warehouse/'],
  },
  { name: 'mutants-snowflake', script: ['test:mutants', 'snowflake:'], touches: ['warehouse/snowflake/'] },
  {
    name: 'mutants-tokens',
    script: ['test:mutants', 'tokens:', 'fetcher:', 'producer:'],
    touches: ['tmdb/token-bucket/', 'tmdb/', 'producers/'],
  },
  {
    name: 'mutants-kafka',
    script: ['test:mutants', 'source:', 'batches:', 'topics:', 'dead letters:'],
    touches: ['kafka/'],
  },
  {
    name: 'mutants-dbt',
    script: ['test:mutants', 'dbt:', 'figures:', 'gold:', 'names:', 'types:', 'doubles:', 'history:'],
    touches: ['dbt/'],
  },
];
