import { check } from './check.ts';
import type { Part } from './closing.ts';
import { runVitest } from './exec.ts';
import { countsOf, failures, noCounts, type TestReport } from './report.ts';

export interface FastTier {
  readonly parts: readonly Part[];
  readonly reports: readonly TestReport[];
}

/**
 * Everything except the full tier: the check and, if it passes, the tests that need servers and processes.
 * @param timeoutMs after this time, these tests are cut off, which counts as a failure; @default never
 */
export async function fastTier(timeoutMs?: number): Promise<FastTier> {
  const { reports, ...checked } = await check();
  const checkPart = { name: 'check', ...checked };
  if (!checked.isGreen) return { parts: [checkPart], reports };
  const { report, ...outcome } = await runVitest('fast', ['--project', '!unit'], {
    env: { TEST_TIER: 'fast' },
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  const part: Part = {
    name: 'fast',
    isGreen: outcome.code === 0 && report !== null && !outcome.isCutOff,
    seconds: outcome.seconds,
    cpuSeconds: outcome.cpuSeconds,
    counts: report === null ? noCounts : countsOf(report),
  };
  if (report !== null) for (const line of failures(report)) process.stdout.write(`FAILED  ${line}\n`);
  return { parts: [checkPart, part], reports: [...reports, ...(report === null ? [] : [report])] };
}
