/** Which tier vitest runs, as the runner sets it. Without it: whatever the command line names, one file at a time. */
export const tier = process.env['TEST_TIER'] as 'fast' | 'full' | undefined;

/** Where the runner wants a report with durations and CPU seconds. */
export const reportFile = process.env['TEST_REPORT'];

/** Test files that run in `test:full` only. Single tests of other files carry the tag `full` instead. */
export const filesOfFullTier: readonly string[] = [
  'test/contract/snowflake-replay.test.ts',
  'test/e2e/pairs-equals.test.ts',
  'test/e2e/pairs-run-once.test.ts',
  'test/e2e/recorded.test.ts',
  'test/e2e/snowflake-replay.test.ts',
  'test/faults/audit.test.ts',
  'test/faults/soak.test.ts',
  'test/faults/tmdb-outage.test.ts',
];

/** What needs a container engine: `npm run test:containers` runs it, as a part of `test:full`. */
const folderOfContainers = 'test/containers/';

/**
 * Test files that never run beside another: they measure a rate limit, or give processes time that a busy machine does
 * not have.
 */
export const filesAlone: readonly string[] = [
  'test/contract/shared-token-bucket-windows.test.ts',
  'test/e2e/fleet.test.ts',
  'test/faults/clocks.test.ts',
  'test/faults/kills.test.ts',
  'test/faults/token-store.test.ts',
];

/**
 * Whether `npm test` runs a test, judged by the text of its file: the file is in the fast tier, and the test neither
 * carries the tag `full` nor is left out unless `FAULTS` is `full`.
 * @param file from the project folder.
 * @param name as it stands in the file, in quotes.
 */
export function isInFastTier(file: string, name: string, source: string): boolean {
  if (filesOfFullTier.includes(file) || file.startsWith(folderOfContainers)) return false;
  return ["'", '"', '`'].some((quote) => {
    const at = source.indexOf(`${quote}${name}${quote}`);
    if (at < 0) return false;
    const before = source.slice(source.lastIndexOf('\n', at), at);
    const after = source.slice(at + name.length + 2);
    return !/runIf\(isFull/.test(before) && !/^,\s*\{[^}]*tags: \['full'\]/.test(after);
  });
}
