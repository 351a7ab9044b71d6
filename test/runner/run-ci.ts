import { readBudget } from './budget.ts';
import { changes } from './changes.ts';
import { closing } from './closing.ts';
import { fastTier } from './fast.ts';
import { runSuite, type SuiteResult } from './full.ts';
import { dayNumber, isMeasured, isTouched, minutesOf, order } from './plan.ts';
import { type Suite, suites } from './suites.ts';
import { withUsage } from './usage.ts';

/**
 * `.ci/run`: the fast tier, then as many suites of the full tier as there is time for. Suites that the change touches come
 * first, then the others in a rotation by date. Prints which suites ran and which did not.
 */

/** The time limit of the whole run in minutes, from the start of `.ci/run`. A suite that might exceed it is not started. */
const softLimit = 68;
/** After this many minutes, the running suite is cut off. */
const hardLimit = 75;
/** This machine may be slower than the one that the durations were recorded on. */
const slowness = 1.3;

const startedAt = Number(process.env['CI_STARTED_AT'] ?? Date.now() / 1_000) * 1_000;
const minutesSoFar = (): number => (Date.now() - startedAt) / 60_000;
const timeLeftMs = (): number => Math.max(0, (hardLimit - minutesSoFar()) * 60_000);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

await withUsage('.ci/run', async () => {
  const { parts, reports } = await fastTier(timeLeftMs());
  // Failures of npm test must be fixed first; the full tier would find them again.
  const isGreen = parts.every((part) => part.isGreen);
  if (!isGreen) say('\nran of the full tier: nothing, since npm test failed');
  const full = isGreen ? await runSuites() : [];
  closing({
    parts: [...parts, ...full.map(({ part }) => part)],
    reports: [...reports, ...full.flatMap(({ report }) => report ?? [])],
    isStrict: false,
  });
});

async function runSuites(): Promise<SuiteResult[]> {
  const changed = changes();
  say(changed ? `\nchanged since ${changed.base}: ${changed.files.length} files` : '\nno commit to compare with');
  const files = changed?.files ?? [];
  const budget = readBudget();
  const results: SuiteResult[] = [];
  const left: string[] = [];
  for (const suite of order(suites, files, dayNumber(new Date()))) {
    const needed = minutesOf(suite.name, budget) * slowness;
    if (!isMeasured(suite.name, budget)) left.push(`${label(suite, files)} (not measured yet)`);
    else if (minutesSoFar() + needed > softLimit) left.push(`${label(suite, files)} (${needed.toFixed(0)} min)`);
    else results.push(await runSuite(suite, { timeoutMs: timeLeftMs() }));
  }
  const names = results.map(({ part }) => `${part.name}${part.isSkipped ? ' (skipped)' : ''}`);
  say(`\nran of the full tier: ${names.join(', ') || 'nothing'}`);
  say(`did not run: ${left.join(', ') || 'nothing'}`);
  return results;
}

function label(suite: Suite, files: readonly string[]): string {
  return isTouched(suite, files) ? `${suite.name}, touched` : suite.name;
}
