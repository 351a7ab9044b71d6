import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import PQueue from 'p-queue';
import { manifestFiles, validator } from '../support/deploy/kubernetes.ts';
import { projectFiles } from '../support/deploy/project.ts';
import { cpuTime } from './cpu-time.ts';
import { exec, lintTool, type Outcome, root, runVitest } from './exec.ts';
import { type Counts, countsOf, noCounts, type TestReport } from './report.ts';
import { ifChanged } from './unchanged.ts';

type Step = readonly [what: string, command: string, args: readonly string[]];

/** The list of the files to check. With it, cspell takes half the time: it searches no folder. */
const spellingFiles = join(root, '.tools/spelling-files');

/** In descending order of duration. */
const steps: readonly Step[] = [
  [
    'spelling',
    'cspell',
    [
      ...['lint', '--dot', '--no-progress', '--cache', '--cache-location', '.tools/cspell-cache'],
      ...['--file-list', spellingFiles],
    ],
  ],
  ['code style', 'biome', ['check', '--error-on-warnings', '.']],
  // Several checkers each check the shared types again: twice the CPU time, and another step has the second core.
  ['types', 'tsc', ['--singleThreaded']],
  ['dead code', 'knip', ['--cache', '--cache-location', '.tools/knip-cache']],
];

/** The next three have no caches of their own, and sqlfluff needs fifteen seconds: they run when their inputs have changed. */
const sqlLint: Step = [
  'SQL lint',
  lintTool('sqlfluff'),
  ['lint', '--nocolor', '--processes', '2', 'dbt/models', 'dbt/tests'],
];
const sqlFormat: Step = [
  'SQL format',
  lintTool('sqlfmt'),
  ['--check', '--quiet', 'dbt/models', 'dbt/tests', 'dbt/macros'],
];
const sqlInputs = [
  'dbt/.sqlfluff',
  'dbt/pyproject.toml',
  'dbt/models',
  'dbt/tests',
  'dbt/macros',
  'dbt/requirements-lint.txt',
];

const manifests: Step = ['manifests of Kubernetes', lintTool('python'), [validator, ...manifestFiles()]];
const manifestInputs = ['deploy/kubernetes', validator, 'dbt/requirements-lint.txt'];

export interface CheckResult {
  readonly isGreen: boolean;
  readonly seconds: number;
  readonly cpuSeconds: number | null;
  /** Of the unit tests. */
  readonly counts: Counts;
  readonly reports: readonly TestReport[];
}

/** Everything that is quick enough to run before every commit. The unit tests run if all other steps pass. */
export async function check(): Promise<CheckResult> {
  const startedAt = performance.now();
  const cpuBefore = cpuTime();
  const result = (isGreen: boolean, report: TestReport | null = null): CheckResult => {
    const cpuAfter = cpuTime();
    return {
      isGreen,
      seconds: (performance.now() - startedAt) / 1_000,
      cpuSeconds: cpuBefore && cpuAfter && cpuAfter.descendants - cpuBefore.descendants,
      counts: report === null ? noCounts : countsOf(report),
      reports: report === null ? [] : [report],
    };
  };
  if (!(await passAll())) return result(false);
  const unit = await runVitest('check', ['--project', 'unit', '--maxWorkers=2']);
  say('unit tests', unit);
  return result(unit.code === 0, unit.report);
}

/** Runs the steps two at a time, because most of them use one core. */
async function passAll(): Promise<boolean> {
  writeFileSync(
    spellingFiles,
    projectFiles()
      .map((file) => `${join(root, file)}\n`)
      .join(''),
  );
  const queue = new PQueue({ concurrency: 2 });
  const linted = ifChanged('sql-lint', sqlInputs, () => queue.add(() => pass(sqlLint)));
  const formatted = ifChanged('sql-format', sqlInputs, () => queue.add(() => pass(sqlFormat)));
  const validated = ifChanged('manifests', manifestInputs, () => queue.add(() => pass(manifests)));
  const passed = await Promise.all([linted, formatted, validated, ...steps.map((step) => queue.add(() => pass(step)))]);
  return passed.every(Boolean);
}

async function pass([what, command, args]: Step): Promise<boolean> {
  const outcome = await exec(command, args);
  say(what, outcome);
  return outcome.code === 0;
}

const say = (what: string, { code, seconds }: Outcome): boolean =>
  process.stderr.write(`check: ${what} ${code === 0 ? 'passed' : 'FAILED'} in ${seconds.toFixed(1)} s\n`);
