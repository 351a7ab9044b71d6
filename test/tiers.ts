/** The tier that vitest runs, set by the runner. Without it, vitest runs the files of the command line, one at a time. */
export const tier = process.env['TEST_TIER'] as 'fast' | 'full' | undefined;

/** Whether the tests with the tag `full` are left out. `npm test -- path` runs them, so their file prepares for them unless this is true. */
export const leavesOutFull = tier === 'fast';

/** Whether tests that have a short and a long form run the long form. */
export const isLongForm = process.env['FAULTS'] === 'full';

/** Cases of a test: all of them in the full tier, and in the fast tier those at the indexes `inFast`. */
export const casesOf = <T>(all: readonly T[], inFast: readonly number[] = [0]): T[] =>
  isLongForm ? [...all] : all.filter((_, index) => inFast.includes(index));

/** Where to write the runner's report with durations and CPU seconds. */
export const reportFile = process.env['TEST_REPORT'];

/** Test files that run in `test:full` only. Single tests of other files carry the tag `full` instead. */
export const filesOfFullTier: readonly string[] = [
  'test/contract/snowflake-emulator.test.ts',
  'test/contract/snowflake-replay.test.ts',
  'test/contract/snowflake-warehouse.test.ts',
  'test/e2e/first-run.test.ts',
  'test/e2e/on-call.test.ts',
  'test/e2e/pairs-equals.test.ts',
  'test/e2e/pairs-run-once.test.ts',
  'test/e2e/places.test.ts',
  'test/e2e/recorded.test.ts',
  'test/e2e/repair.test.ts',
  'test/e2e/retention.test.ts',
  'test/e2e/snowflake-purge.test.ts',
  'test/e2e/snowflake-replay.test.ts',
  'test/e2e/snowflake.test.ts',
  'test/faults/audit.test.ts',
  'test/faults/dependency-outages.test.ts',
  'test/faults/failover.test.ts',
  'test/faults/false-records.test.ts',
  'test/faults/kafka-outage.test.ts',
  'test/faults/kills.test.ts',
  'test/faults/snowflake-outages.test.ts',
  'test/faults/snowflake-secrets.test.ts',
  'test/faults/soak.test.ts',
  'test/faults/three-brokers.test.ts',
  'test/faults/tmdb-any-answer.test.ts',
  'test/faults/tmdb-outage.test.ts',
  'test/integration/dbt/analysis.test.ts',
  'test/integration/dbt/warm-process.test.ts',
  'test/integration/dashboard-browser.test.ts',
];

/** Tests that need a container engine, or Superset: scripts of their own run them, as a part of `test:full`. */
const foldersOfScripts: readonly string[] = ['test/containers/', 'test/superset/'];

/** Test files that measure a rate limit: they run when the others have ended, two at a time, in this order. */
export const measuringFiles: readonly string[] = [
  'test/e2e/fleet.test.ts',
  'test/faults/token-store.test.ts',
  'test/contract/shared-token-bucket-windows.test.ts',
  'test/faults/clocks.test.ts',
];

/** The longest files of the fast tier: they start first, in this order. A file that is not listed starts after them. */
export const longestFiles: readonly string[] = [
  'test/integration/dbt/both-warehouses.test.ts',
  'test/faults/contents.test.ts',
  'test/integration/dbt/incremental.test.ts',
  'test/faults/network.test.ts',
  'test/faults/crash-points.test.ts',
  'test/e2e/kill.test.ts',
  'test/integration/dbt/empty-warehouse.test.ts',
  'test/integration/dbt/both-ways.test.ts',
  'test/faults/kafka-security.test.ts',
  'test/e2e/cli.test.ts',
  'test/faults/requests-per-id.test.ts',
  'test/integration/dbt/definitions.test.ts',
  'test/integration/dbt/run-log.test.ts',
  'test/e2e/replay.test.ts',
  'test/faults/warehouse.test.ts',
  'test/faults/warehouse-file.test.ts',
  'test/integration/dead-letters.test.ts',
  'test/e2e/up.test.ts',
  'test/integration/dbt/values.test.ts',
  'test/faults/kafka.test.ts',
  'test/integration/replay-ids.test.ts',
  'test/integration/kafka/local-broker.test.ts',
  'test/e2e/side-by-side.test.ts',
  ...measuringFiles,
];

/**
 * Whether `npm test` runs a test, judged by the text of its file: the file is in the fast tier, and the test neither
 * carries the tag `full` nor is left out unless `FAULTS` is `full`.
 * @param file from the project folder.
 * @param name as written in the file, in quotes.
 */
export function isInFastTier(file: string, name: string, source: string): boolean {
  if (filesOfFullTier.includes(file) || foldersOfScripts.some((folder) => file.startsWith(folder))) return false;
  return ["'", '"', '`'].some((quote) => {
    const at = source.indexOf(`${quote}${name}${quote}`);
    if (at < 0) return false;
    const before = source.slice(source.lastIndexOf('\n', at), at);
    const after = source.slice(at + name.length + 2);
    return !/runIf\(isLongForm/.test(before) && !/^,\s*\{[^}]*tags: \['full'\]/.test(after);
  });
}
