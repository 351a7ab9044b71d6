import { parseArgs } from 'node:util';
import { readBudget } from './budget.ts';
import { changes } from './changes.ts';
import { closing, type Part } from './closing.ts';
import { fastTier } from './fast.ts';
import { runSuite } from './full.ts';
import { dayNumber, isTouched, minutesOf, order, parseShard, shards } from './plan.ts';
import type { TestReport } from './report.ts';
import { suites } from './suites.ts';
import { withUsage } from './usage.ts';

/** `npm run test:full`. The fast tier is one of the names that are distributed over the shards. */
const all = ['fast', ...suites.map(({ name }) => name)];

interface Choice {
  readonly shard?: string | undefined;
  readonly suite?: readonly string[] | undefined;
}

function chosenNames({ shard, suite }: Choice): readonly string[] {
  if (suite) {
    const unknown = suite.find((name) => !all.includes(name));
    if (unknown !== undefined) throw new RangeError(`"${unknown}" is not one of ${all.join(', ')}`);
    return suite;
  }
  if (shard === undefined) return all;
  const { index, count } = parseShard(shard);
  return shards(all, count, readBudget())[index] ?? [];
}

/** The suites in the order in which `.ci/run` would run them now. */
function list(): string {
  const budget = readBudget();
  const changed = changes();
  const files = changed?.files ?? [];
  const touched = suites.filter((suite) => isTouched(suite, files)).map(({ name }) => name);
  const names = ['fast', ...order(suites, files, dayNumber(new Date())).map(({ name }) => name)];
  const lines = names.map((name) => {
    const minutes = minutesOf(name, budget).toFixed(1).padStart(5);
    return `${minutes} min  ${name}${touched.includes(name) ? ' (touched)' : ''}`;
  });
  return `${changed ? `changed since ${changed.base}: ${changed.files.length} files` : 'no base commit'}\n${lines.join('\n')}\n`;
}

async function run(names: readonly string[]): Promise<void> {
  process.stdout.write(`suites: ${names.join(', ')}\n`);
  const parts: Part[] = [];
  const reports: TestReport[] = [];
  for (const name of names) {
    const suite = suites.find((one) => one.name === name);
    if (suite === undefined) {
      const tier = await fastTier();
      parts.push(...tier.parts);
      reports.push(...tier.reports);
      continue;
    }
    const { part, report } = await runSuite(suite);
    parts.push(part);
    if (report !== null) reports.push(report);
  }
  closing({ parts, reports, isStrict: true });
}

await withUsage('npm run test:full [-- --shard 2/4 | --suite NAME... | --list] [--record]', async () => {
  const { values } = parseArgs({
    options: {
      shard: { type: 'string' },
      suite: { type: 'string', multiple: true },
      list: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
    },
  });
  if (values.list) process.stdout.write(list());
  else await run(chosenNames(values));
});
