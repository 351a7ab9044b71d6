import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coreMutants, mutants } from '../mutation/mutants.ts';
import { type VitestReport, verdictOf } from '../mutation/vitest-report.ts';
import { filesOfFullTier } from '../tiers.ts';

const root = join(import.meta.dirname, '../..');

/** The names of tests that a file may have: its texts, each also with one of the texts in place of its parameter. */
function namesIn(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8');
  const texts = [...source.matchAll(/(['"`])((?:(?!\1).)+)\1/g)].map(([, , text = '']) => text);
  const named = texts.filter((text) => text.includes('%s'));
  return [...texts, ...named.flatMap((name) => texts.map((text) => name.replace('%s', () => text)))];
}

describe('the mutants', () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '[Z4] have their place in the code: %s',
    (_, mutant) => {
      const places = readFileSync(join(root, mutant.file), 'utf8').split(mutant.find).length - 1;
      expect(places).toBe(1);
      expect(mutant.replace).not.toBe(mutant.find);
      expect(mutant.tests.files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    },
  );

  it.each(mutants.flatMap(({ name, tests }) => (tests.only ? [[name, tests.only, tests.files] as const] : [])))(
    '[Z4] select tests that exist: %s',
    (_, only, files) => {
      expect(files.flatMap(namesIn).filter((name) => name.includes(only))).not.toEqual([]);
    },
  );

  it('have unique names', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });
});

describe('the core mutants', () => {
  it('are judged by files of the fast tier', () => {
    const files = new Set(coreMutants.flatMap(({ tests }) => tests.files));
    expect([...files].filter((file) => filesOfFullTier.includes(file))).toEqual([]);
  });

  it.each(['tokens:', 'loader:', 'warehouse:', 'fetcher:'])('have all of %s among them', (word) => {
    const named = mutants.filter(({ name }) => name.startsWith(word));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((mutant) => !coreMutants.includes(mutant))).toEqual([]);
  });
});

describe('a verdict on a mutant', () => {
  type File = VitestReport['testResults'][number];
  const test = (status: string, ...failureMessages: string[]) => ({
    fullName: `a test that ${status}`,
    status,
    failureMessages,
  });
  const file = (status: string, ...assertionResults: File['assertionResults']): File => {
    return { name: 'x.test.ts', message: 'Cannot find module', status, assertionResults };
  };
  const report = (success: boolean, ...testResults: File[]): VitestReport => ({
    success,
    testResults,
    numPassedTests: testResults.flatMap((one) => one.assertionResults).filter(({ status }) => status === 'passed')
      .length,
  });

  it('is "killed" by a test that failed', () => {
    const failed = file('failed', test('passed'), test('failed', 'AssertionError: expected 1 to be 2'));
    expect(verdictOf(report(false, failed))).toEqual({ outcome: 'killed', by: 'a test that failed' });
  });

  it('is "survived" when all tests passed', () => {
    expect(verdictOf(report(true, file('passed', test('passed'), test('skipped'))))).toEqual({ outcome: 'survived' });
  });

  it.each([
    ['a file could not be loaded', report(false, file('failed'), file('failed', test('failed', 'AssertionError')))],
    ['a hook failed, so that no test ran', report(false, file('failed', test('skipped')))],
    ['vitest failed beside the tests', report(false, file('passed', test('passed')))],
    ['no test was chosen', report(true, file('passed', test('skipped')))],
    ['the mutant is no program', report(false, file('failed', test('failed', 'ReferenceError: x is not defined')))],
    [
      'its SQL is none',
      report(false, file('failed', test('failed', 'Error: Parser Error: syntax error at or near ")"'))),
    ],
  ])('is "void" when %s', (_, voided) => {
    expect(verdictOf(voided)).toMatchObject({ outcome: 'void', why: expect.any(String) });
  });
});
