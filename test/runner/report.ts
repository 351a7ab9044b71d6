/** The result of one run of vitest: the content of a file below `test/results/`. */
export interface TestReport {
  readonly files: readonly FileReport[];
  /** Errors outside any test. */
  readonly errors: readonly string[];
}

export interface FileReport {
  /** Below the project folder. */
  readonly file: string;
  readonly project: string;
  /** From the start of the file's worker to its end. */
  readonly seconds: number;
  /** Null if CPU time cannot be measured. */
  readonly cpuSeconds: number | null;
  /** Errors outside any test: the file does not load, or a hook failed. */
  readonly errors: readonly string[];
  readonly tests: readonly TestOutcome[];
}

export interface TestOutcome {
  /** Preceded by the names of its `describe` blocks, separated by ` > `. */
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending';
  readonly seconds: number;
  readonly errors: readonly string[];
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

export const noCounts: Counts = { passed: 0, failed: 0 };

export const addCounts = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
});

/** Tests that passed and failed. A file that does not load and a failed hook count as one failure each. */
export function countsOf({ files, errors }: TestReport): Counts {
  const states = files.flatMap(({ tests }) => tests.map(({ state }) => state));
  const outside = files.reduce((sum, file) => sum + file.errors.length, errors.length);
  return {
    passed: states.filter((state) => state === 'passed').length,
    failed: states.filter((state) => state === 'failed' || state === 'pending').length + outside,
  };
}

/** The last line of a test run. */
export const closingLine = ({ passed, failed }: Counts): string => `${passed} passed, ${failed} failed`;

/** The tests that took longest, slowest first, one line each. */
export function slowestTests(reports: readonly TestReport[], count = 20): string[] {
  return reports
    .flatMap(({ files }) => files)
    .flatMap(({ file, tests }) => tests.map((test) => ({ file, ...test })))
    .filter(({ state }) => state !== 'skipped')
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, count)
    .map(({ file, name, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${file} > ${name}`);
}

/** Everything that failed: the place, and the first line of the error. */
export function failures({ files, errors }: TestReport): string[] {
  const firstLine = (text = ''): string => text.split('\n')[0] ?? '';
  const ofFile = ({ file, tests, errors: outside }: FileReport): string[] => [
    ...outside.map((error) => `${file}: ${firstLine(error)}`),
    ...tests
      .filter(({ state }) => state === 'failed' || state === 'pending')
      .map(({ name, errors: [error] }) => `${file} > ${name}: ${firstLine(error)}`),
  ];
  return [...errors.map(firstLine), ...files.flatMap(ofFile)];
}
