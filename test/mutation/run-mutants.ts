import { parseArgs } from 'node:util';
import { formatTable } from '../../runtime/table.ts';
import type { Mutant, Tests, Verdict } from './mutant.ts';
import { coreMutants, mutants } from './mutants.ts';
import { type TestScope, WorkingCopy } from './working-copy.ts';

/**
 * Shows that the tests detect faults: they pass, and then each mutant makes one of them fail. Words of the command
 * line select the mutants whose names contain one of them. With `--core`, only the core mutants are judged, by the tests
 * that `npm test` runs and with its numbers. Exit code 1 if a mutant survived or was not tested.
 */
const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { core: { type: 'boolean', default: false } },
});
const scope: TestScope = values.core ? 'fast tier' : 'all';
const chosen = (values.core ? coreMutants : mutants).filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
);

// Two mutants at a time, from both ends. Mutants that need a broker or dbt are last; only one of them runs at a time.
using first = new WorkingCopy(scope);
using second = new WorkingCopy(scope);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    first[Symbol.dispose]();
    second[Symbol.dispose]();
    process.exit(1);
  });
}
const started = performance.now();
await requireGreen(first, chosen);
const waiting = [...chosen];
const rows = await Promise.all([judgeAll(first, () => waiting.pop()), judgeAll(second, () => waiting.shift())]);
const judged = rows.flat().toSorted((a, b) => a.mutant.localeCompare(b.mutant));
const killed = judged.filter(({ outcome }) => outcome === 'killed').length;
process.stdout.write(`${formatTable(judged)}\n\n`);
process.stdout.write(`${killed} of ${judged.length} mutants killed in ${seconds(started)} s\n`);
process.exitCode = killed === judged.length && killed > 0 ? 0 : 1;

/** @throws Error if a test fails without a mutant, because then its result says nothing about mutants. */
async function requireGreen(unbroken: WorkingCopy, all: readonly Mutant[]): Promise<void> {
  const whole = all.map(({ tests }) => tests).filter(({ only }) => only === undefined);
  const parts = all.map(({ tests }) => tests).filter(({ only }) => only !== undefined);
  const combined = [{ files: [...new Set(whole.flatMap(({ files }) => files))] }].filter(
    ({ files }) => files.length > 0,
  );
  const byFiles = Map.groupBy(parts, ({ files }) => files.join());
  const groups = [...byFiles.values()].map((group): Tests => {
    return { ...(group[0] as Tests), only: [...new Set(group.map(({ only }) => only))].join('|') };
  });
  for (const tests of [...combined, ...groups]) {
    const verdict = await unbroken.run(tests);
    if (verdict.outcome === 'survived') continue;
    throw new Error(`with nothing broken, ${[...tests.files].join(' ')}: ${explain(verdict)}`);
  }
}

/** Judges mutants until there is no next one. */
async function judgeAll(copy: WorkingCopy, next: () => Mutant | undefined) {
  const judged = [];
  for (let mutant = next(); mutant; mutant = next()) {
    const since = performance.now();
    const verdict = await copy.judge(mutant);
    const row = { mutant: mutant.name, outcome: verdict.outcome, seconds: seconds(since), by: explain(verdict) };
    process.stderr.write(`${row.outcome} in ${row.seconds} s: ${row.mutant}\n`);
    judged.push(row);
  }
  return judged;
}

function explain(verdict: Verdict): string {
  if (verdict.outcome === 'killed') return verdict.by;
  return verdict.outcome === 'void' ? verdict.why : 'no test noticed';
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 100) / 10;
}
