import type { Part } from './closing.ts';
import { type ExecOptions, exec, runVitest, skippedCode } from './exec.ts';
import { countsOf, failures, noCounts, type TestReport } from './report.ts';
import { chosenNumbers, type Suite } from './suites.ts';

export interface SuiteResult {
  readonly part: Part;
  readonly report: TestReport | null;
}

/**
 * Runs one suite of the full tier. A script that ends with `skippedCode` is reported as skipped: it counts no test as passed.
 * @param options after `timeoutMs` it is cut off, which counts as a failure.
 */
export async function runSuite(suite: Suite, options: ExecOptions = {}): Promise<SuiteResult> {
  process.stdout.write(`\n--- ${suite.name}\n`);
  const { report, ...outcome } = suite.script
    ? { ...(await runScript(suite.script, options)), report: null }
    : await runVitest(suite.name, suite.files ?? [], { ...options, env: { TEST_TIER: 'full', ...chosenNumbers() } });
  const isSkipped = suite.script !== undefined && outcome.code === skippedCode;
  const isGreen =
    (outcome.code === 0 || isSkipped) && !outcome.isCutOff && (report !== null || suite.script !== undefined);
  if (outcome.isCutOff) process.stdout.write(`FAILED  ${suite.name} was cut off: there was no time left\n`);
  if (report !== null) for (const line of failures(report)) process.stdout.write(`FAILED  ${line}\n`);
  const counts = report === null ? { ...noCounts, passed: isGreen && !isSkipped ? 1 : 0 } : countsOf(report);
  const { seconds, cpuSeconds } = outcome;
  return { part: { name: suite.name, isGreen, isSkipped, seconds, cpuSeconds, counts }, report };
}

const runScript = ([script, ...args]: readonly [string, ...string[]], options: ExecOptions) =>
  exec('npm', ['run', '--silent', script, '--', ...args], options);
