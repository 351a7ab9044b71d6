import type { Verdict } from './mutant.ts';

/** The part of vitest's JSON report that is used here. */
export interface VitestReport {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
    readonly status: string;
  }[];
}

/** The error of a mutant that cannot even start: any use would detect it. */
const cannotRun = /^(SyntaxError|ReferenceError)|(Parser|Catalog) Error|Compilation Error/;

/**
 * A mutant is killed by a test that fails; a file that cannot be loaded, a hook that fails or a mutant that cannot run
 * shows nothing.
 */
export function verdictOf(report: VitestReport): Verdict {
  const failed = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed'),
  );
  const unloaded = report.testResults.find(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  if (unloaded) return { outcome: 'void', why: `${unloaded.name} did not run: ${firstLine(unloaded.message)}` };
  const [killer] = failed;
  if (!killer) {
    if (report.success && report.numPassedTests > 0) return { outcome: 'survived' };
    return { outcome: 'void', why: report.success ? 'no test ran' : 'vitest failed, but no test did' };
  }
  const [message = ''] = killer.failureMessages;
  if (cannotRun.test(message)) return { outcome: 'void', why: `it cannot run: ${firstLine(message)}` };
  return { outcome: 'killed', by: killer.fullName };
}

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').slice(0, 200);
