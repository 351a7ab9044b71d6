import { formatTable } from '../../lib/table.ts';
import type { Mutant, Tests, Verdict } from './mutant.ts';
import { mutants } from './mutants.ts';
import { WorkingCopy } from './working-copy.ts';

/**
 * Proves that the tests would notice: they pass, and then each mutant in turn makes one of them fail. Words of the command
 * line choose the mutants that have one of them in their names. Exit code 1 when one survived or proved nothing.
 */
const words = process.argv.slice(2);
const chosen = mutants.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));

/** Two mutants at a time: most of them wait for a process to start. */
using first = new WorkingCopy();
using second = new WorkingCopy();
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
const rows = (await Promise.all([judgeAll(first), judgeAll(second)])).flat();
const killed = rows.filter(({ outcome }) => outcome === 'killed').length;
process.stdout.write(`${formatTable(rows.toSorted((a, b) => a.mutant.localeCompare(b.mutant)))}\n\n`);
process.stdout.write(`${killed} of ${rows.length} mutants killed in ${seconds(started)} s\n`);
process.exitCode = killed === rows.length && killed > 0 ? 0 : 1;

/** @throws Error when a test fails with nothing broken: then it says nothing about what is. */
async function requireGreen(unbroken: WorkingCopy, all: readonly Mutant[]): Promise<void> {
  const whole = all.map(({ tests }) => tests).filter(({ only }) => only === undefined);
  const parts = all.map(({ tests }) => tests).filter(({ only }) => only !== undefined);
  const together: Tests = { files: [...new Set(whole.flatMap(({ files }) => files))] };
  const groups = new Map<string, Tests>(parts.map((tests) => [JSON.stringify(tests), tests]));
  for (const tests of together.files.length > 0 ? [together, ...groups.values()] : groups.values()) {
    const verdict = await unbroken.run(tests);
    if (verdict.outcome === 'survived') continue;
    throw new Error(`with nothing broken, ${[tests.only, ...tests.files].join(' ')}: ${explain(verdict)}`);
  }
}

/** Judges mutants until none is waiting. */
async function judgeAll(copy: WorkingCopy) {
  const judged = [];
  for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
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
