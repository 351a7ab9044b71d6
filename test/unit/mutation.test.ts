import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { always, detach, never, remove, swap } from '../mutation/change.ts';
import { coreMutants, mutants } from '../mutation/mutants.ts';
import { changeAt, placesIn } from '../mutation/place.ts';
import { type VitestReport, verdictOf } from '../mutation/vitest-report.ts';
import { filesOfFullTier } from '../tiers.ts';

const root = join(import.meta.dirname, '../..');

/** The file, and the contracts whose tests it runs. */
function withContracts(file: string): string[] {
  const imports = readFileSync(join(root, file), 'utf8').matchAll(/from '(\.[^']*-contract\.ts)'/g);
  return [file, ...[...imports].map(([, path = '']) => join(dirname(file), path))];
}

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
    (_, { file, place, change, tests }) => {
      const source = readFileSync(join(root, file), 'utf8');
      expect(changeAt(source, place, change)).not.toBe(source);
      expect(tests.files.filter((testFile) => !existsSync(join(root, testFile)))).toEqual([]);
    },
  );

  it.each(mutants.flatMap(({ name, tests }) => (tests.only ? [[name, tests.only, tests.files] as const] : [])))(
    '[Z4] select tests that exist: %s',
    (_, only, files) => {
      expect(
        files
          .flatMap(withContracts)
          .flatMap(namesIn)
          .filter((name) => name.includes(only)),
      ).not.toEqual([]);
    },
  );

  it('use each marker in the code', () => {
    const used = new Set(mutants.map(({ file, place }) => `${file} ${place}`));
    const files = execFileSync('git', ['grep', '-lI', 'mutant: ', '--', ':!test', ':!docs'], {
      cwd: root,
      encoding: 'utf8',
    });
    const marked = files
      .trim()
      .split('\n')
      .flatMap((file) => placesIn(readFileSync(join(root, file), 'utf8')).map((place) => `${file} ${place}`));
    expect(marked.filter((place) => !used.has(place))).toEqual([]);
  });

  it('have unique names', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });
});

describe('a place in the code', () => {
  const line = 'await load(rows); // mutant: rows';
  const block = ['// mutant: busy', 'if (isBusy) {', '  wait();', '}', 'next();'].join('\n');

  it('is the statement with the marker at its end', () => {
    expect(changeAt(`begin();\n${line}\ncommit();`, 'rows', remove)).toBe('begin();\n\ncommit();');
    expect(changeAt(line, 'rows', detach)).toBe('void load(rows).catch(() => {});');
  });

  it('is the statement below the marker, to its closing bracket', () => {
    expect(changeAt(block, 'busy', remove)).toBe('\nnext();');
    expect(changeAt(block, 'busy', never)).toBe('if (false) {\n  wait();\n}\nnext();');
    expect(changeAt('if (isBusy) return; // mutant: busy', 'busy', always)).toBe('return;');
  });

  it('ends before the next statement of the same depth, in SQL and Lua too', () => {
    const sql = ['select', '    a,', '    {# mutant: b #}', '    case', '        when b then 1', '    end,', '    c'];
    expect(changeAt(sql.join('\n'), 'b', remove).split('\n')).toEqual(['select', '    a,', '', '    c']);
    expect(changeAt('local a = 1 -- mutant: a\nlocal b = 2', 'a', swap('1', '3'))).toBe('local a = 3\nlocal b = 2');
  });

  it.each([
    ['missing', 'other', 'begin();', 'expected the place "other" once, found it 0 times'],
    ['there twice', 'rows', `${line}\n${line}`, 'expected the place "rows" once, found it 2 times'],
    [
      'reworded so that the change has nothing to change',
      'rows',
      'loadAll(); // mutant: rows',
      'expected "/await (.*);/" once',
    ],
  ])('fails if it is %s', (_, place, source, message) => {
    expect(() => changeAt(source, place, detach)).toThrow(message);
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
    ['a hook failed, so no test ran', report(false, file('failed', test('skipped')))],
    ['vitest failed outside the tests', report(false, file('passed', test('passed')))],
    ['no test was chosen', report(true, file('passed', test('skipped')))],
    [
      'the mutant is not a valid program',
      report(false, file('failed', test('failed', 'ReferenceError: x is not defined'))),
    ],
    [
      'its SQL is invalid',
      report(false, file('failed', test('failed', 'Error: Parser Error: syntax error at or near ")"'))),
    ],
  ])('is "void" when %s', (_, voided) => {
    expect(verdictOf(voided)).toMatchObject({ outcome: 'void', why: expect.any(String) });
  });
});
