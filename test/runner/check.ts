import { exec, lintTool, type Outcome, runVitest } from './exec.ts';
import { type Counts, countsOf, noCounts, type TestReport } from './report.ts';

const steps: readonly (readonly [what: string, command: string, args: readonly string[]])[] = [
  ['types', 'tsc', []],
  ['code style', 'biome', ['check', '--error-on-warnings', '.']],
  ['dead code', 'knip', []],
  ['spelling', 'cspell', ['lint', '--dot', '--no-progress', '--cache', '--cache-location', '.tools/cspell-cache', '.']],
  ['SQL format', lintTool('sqlfmt'), ['--check', '--quiet', 'dbt']],
  ['SQL lint', lintTool('sqlfluff'), ['lint', '--nocolor', '--processes', '2', 'dbt/models', 'dbt/tests']],
];

export interface CheckResult {
  readonly isGreen: boolean;
  readonly seconds: number;
  readonly cpuSeconds: number | null;
  /** Of the unit tests. */
  readonly counts: Counts;
  readonly reports: readonly TestReport[];
}

/** Everything that is quick enough to run before every commit. Stops at the first step that fails. */
export async function check(): Promise<CheckResult> {
  const outcomes: Outcome[] = [];
  const result = (isGreen: boolean, report: TestReport | null = null): CheckResult => ({
    isGreen,
    seconds: outcomes.reduce((sum, { seconds }) => sum + seconds, 0),
    cpuSeconds: sumOrNull(outcomes.map(({ cpuSeconds }) => cpuSeconds)),
    counts: report === null ? noCounts : countsOf(report),
    reports: report === null ? [] : [report],
  });
  for (const [what, command, args] of steps) {
    const outcome = await exec(command, args);
    outcomes.push(outcome);
    say(what, outcome);
    if (outcome.code !== 0) return result(false);
  }
  const unit = await runVitest('check', ['--project', 'unit', '--maxWorkers=2']);
  outcomes.push(unit);
  say('unit tests', unit);
  return result(unit.code === 0, unit.report);
}

const say = (what: string, { code, seconds }: Outcome): boolean =>
  process.stderr.write(`check: ${what} ${code === 0 ? 'passed' : 'FAILED'} in ${seconds.toFixed(1)} s\n`);

/** The sum; null if one of the values is null, because a partial sum would be too low. */
const sumOrNull = (values: readonly (number | null)[]): number | null =>
  values.reduce((sum, value) => (sum === null || value === null ? null : sum + value), 0 as number | null);
