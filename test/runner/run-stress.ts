import { parseArgs } from 'node:util';
import { runVitest } from './exec.ts';
import { Load } from './load.ts';
import { addCounts, type Counts, closingLine, countsOf, failures, noCounts } from './report.ts';
import { chosenNumbers } from './suites.ts';
import { withUsage } from './usage.ts';

/** `npm run test:stress`: repeats test files, with busy loops beside them if requested, and prints each failure. */

/** Busy loops end after this time, even if this process is killed. */
const longestLoadMs = 3 * 3_600_000;

interface Stress {
  readonly files: readonly string[];
  readonly times: number;
  /** Busy loops. */
  readonly load: number;
  /** With the numbers and the tests of the full tier. */
  readonly isFull: boolean;
}

function numberOf(option: string, text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new RangeError(`--${option} takes a number, not "${text}"`);
  return Number(text);
}

async function stress({ files, times, load, isFull }: Stress): Promise<void> {
  const env: Record<string, string> = isFull ? { TEST_TIER: 'full', ...chosenNumbers() } : { TEST_TIER: 'fast' };
  const seconds: number[] = [];
  let counts: Counts = noCounts;
  let failedRuns = 0;
  await using _load = new Load(load, longestLoadMs);
  for (let run = 1; run <= times; run += 1) {
    const { report, code, seconds: took } = await runVitest('stress', ['--silent=true', ...files], { env });
    const found = report === null ? { passed: 0, failed: 1 } : countsOf(report);
    counts = addCounts(counts, found);
    seconds.push(took);
    if (code !== 0) failedRuns += 1;
    process.stdout.write(`run ${run} of ${times}: ${closingLine(found)} in ${took.toFixed(1)} s\n`);
    for (const line of report === null ? ['vitest wrote no report'] : failures(report)) {
      process.stdout.write(`FAILED  run ${run}: ${line}\n`);
    }
  }
  seconds.sort((a, b) => a - b);
  const at = (share: number): string => (seconds[Math.floor((seconds.length - 1) * share)] ?? 0).toFixed(1);
  process.stdout.write(
    `\n${times} runs with ${load} busy loops beside them: ${failedRuns} failed; ` +
      `shortest ${at(0)} s, median ${at(0.5)} s, longest ${at(1)} s\n${closingLine(counts)}\n`,
  );
  process.exitCode ||= failedRuns === 0 && counts.passed > 0 ? 0 : 1;
}

await withUsage('npm run test:stress -- FILE... [--times 20] [--load 8] [--full]', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      times: { type: 'string', default: '20' },
      load: { type: 'string', default: '0' },
      full: { type: 'boolean', default: false },
    },
  });
  if (positionals.length === 0) throw new RangeError('name at least one test file');
  const [times, load] = [numberOf('times', values.times), numberOf('load', values.load)];
  await stress({ files: positionals, times, load, isFull: values.full });
});
