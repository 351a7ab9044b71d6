import { describe, expect, it } from 'vitest';
import { overrun } from '../../runner/budget.ts';
import { addCounts, closingLine, countsOf, failures, slowestTests, type TestReport } from '../../runner/report.ts';

const outcome = (name: string, state: 'passed' | 'failed' | 'skipped' | 'pending', seconds = 1) => ({
  name,
  state,
  seconds,
  errors: state === 'failed' ? ['expected 1 to be 2\nat line 3'] : [],
});
const report = (tests: TestReport['files'][number]['tests'], errors: readonly string[] = []): TestReport => ({
  files: [{ file: 'test/a.test.ts', project: 'unit', seconds: 1, cpuSeconds: 1, errors, tests }],
  errors: [],
});

describe('a report', () => {
  it('counts passed and failed tests, and a test that never ended as failed', () => {
    const tests = [outcome('a', 'passed'), outcome('b', 'failed'), outcome('c', 'skipped'), outcome('d', 'pending')];
    expect(countsOf(report(tests))).toEqual({ passed: 1, failed: 2 });
  });

  it('counts a file that does not load, a hook that fails and an error outside tests', () => {
    expect(countsOf(report([outcome('a', 'passed')], ['cannot be loaded']))).toEqual({ passed: 1, failed: 1 });
    expect(countsOf({ files: [], errors: ['unhandled rejection'] })).toEqual({ passed: 0, failed: 1 });
  });

  it('lists failures with the first line of their error', () => {
    expect(failures(report([outcome('a', 'passed'), outcome('b', 'failed')], ['a hook\n...']))).toEqual([
      'test/a.test.ts: a hook',
      'test/a.test.ts > b: expected 1 to be 2',
    ]);
  });

  it('shows the slowest tests of all reports, slowest first, and none that was skipped', () => {
    const reports = [
      report([outcome('a', 'passed', 2), outcome('b', 'skipped', 9)]),
      report([outcome('c', 'failed', 3), outcome('d', 'passed', 1)]),
    ];
    const lines = slowestTests(reports, 2);
    expect(lines.map((line) => line.trim())).toEqual(['3.0 s  test/a.test.ts > c', '2.0 s  test/a.test.ts > a']);
  });

  it('ends with a summary line', () => {
    expect(closingLine(addCounts({ passed: 1, failed: 0 }, { passed: 2, failed: 3 }))).toBe('3 passed, 3 failed');
  });
});

describe('a budget', () => {
  const budget = { fast: { cpuSeconds: 100, minutes: 1 } };

  it('allows 25 % more than it records', () => {
    expect(overrun('fast', 125, budget)).toBeNull();
    expect(overrun('fast', 126, budget)).toContain('26 % more than the 100');
  });

  it('ignores parts that were not measured or have no budget', () => {
    expect(overrun('fast', null, budget)).toBeNull();
    expect(overrun('other', 1_000, budget)).toBeNull();
    expect(overrun('fast', 1_000, { fast: { cpuSeconds: null, minutes: 1 } })).toBeNull();
  });
});
