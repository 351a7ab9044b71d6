import { overrun, readBudget, record } from './budget.ts';
import { addCounts, type Counts, closingLine, noCounts, slowestTests, type TestReport } from './report.ts';

/** The result of a tier or a suite. */
export interface Part {
  /** Its name in the budget. */
  readonly name: string;
  /** Nothing failed. */
  readonly isGreen: boolean;
  /** This machine cannot run it. @default false */
  readonly isSkipped?: boolean;
  readonly seconds: number;
  readonly cpuSeconds: number | null;
  readonly counts: Counts;
}

interface Closing {
  readonly parts: readonly Part[];
  readonly reports: readonly TestReport[];
  /** Whether a part that exceeds its budget is a failure, not only a warning. */
  readonly isStrict: boolean;
  /** Records the measured costs as the budget if all parts passed. @default whether `--record` is given */
  readonly isRecording?: boolean;
}

/**
 * Prints the slowest tests, the cost of each part and, alone on the last line, the counts. Sets the exit code.
 */
export function closing({ parts, reports, isStrict, isRecording = process.argv.includes('--record') }: Closing): void {
  const write = (line: string): boolean => process.stdout.write(`${line}\n`);
  const slowest = slowestTests(reports);
  if (slowest.length > 0) write(`\nThe slowest tests:\n${slowest.join('\n')}`);
  write('');
  for (const { name, isGreen, isSkipped, seconds, cpuSeconds } of parts) {
    const cpu = cpuSeconds === null ? 'CPU time not measured' : `${cpuSeconds.toFixed(0)} CPU seconds`;
    write(
      `${isSkipped ? 'SKIPPED' : isGreen ? 'passed' : 'FAILED'}  ${name} in ${(seconds / 60).toFixed(1)} min, ${cpu}`,
    );
  }
  const isGreen = parts.length > 0 && parts.every((part) => part.isGreen);
  if (isRecording && isGreen) recordAll(parts);
  const budget = readBudget();
  const overruns = parts
    .map(({ name, cpuSeconds }) => overrun(name, cpuSeconds, budget))
    .filter((text) => text !== null);
  for (const text of overruns) write(`${isStrict ? 'FAILED' : 'warning'}: ${text}`);
  const failedBudgets = isStrict ? overruns.length : 0;
  // A part that failed without a failed test is also a failure.
  const counts = parts.map((part) => ({
    ...part.counts,
    failed: Math.max(part.counts.failed, part.isGreen ? 0 : 1),
  }));
  write(closingLine(addCounts(counts.reduce(addCounts, noCounts), { passed: 0, failed: failedBudgets })));
  process.exitCode ||= isGreen && failedBudgets === 0 ? 0 : 1;
}

function recordAll(parts: readonly Part[]): void {
  for (const { name, isSkipped, seconds, cpuSeconds } of parts) {
    if (cpuSeconds !== null && !isSkipped) record(name, { cpuSeconds, minutes: seconds / 60 });
  }
}
