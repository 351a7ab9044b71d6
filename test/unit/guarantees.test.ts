import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allEvidence, evidenceIn, evidenceInYaml } from '../generated-pages/evidence.ts';
import { type Row, rowsOf, withTests } from '../generated-pages/guarantees.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/guarantees.md'), 'utf8');

/** Promises and faults that the page must contain. */
const range = (letter: string, last: number) => Array.from({ length: last }, (_, index) => `${letter}${index + 1}`);
const everyId = [
  ...range('P', 20),
  'P22',
  'P24',
  'P25',
  'P30',
  'P31',
  'P32',
  ...range('R', 86),
  ...range('R', 119).slice(87),
  ...range('R', 133).slice(129),
  'R144',
  'R145',
  ...range('R', 151).slice(149),
  'R154',
  'R155',
  'R156',
  'R157',
  'R158',
  'R159',
  'R160',
  'R161',
  'R162',
  'R163',
  'R164',
  'R165',
  'R166',
  'R167',
  'R169',
  'R175',
  'R176',
  'R177',
  ...range('R', 192).slice(179),
  ...range('S', 14),
  ...range('Z', 5),
];

const verdicts = ['shown', 'partly', 'not applicable', 'not possible here'];

/** The errors of a row, given the number of tests that show it. */
function complaintsAbout({ id, verdict, notShown }: Row, tests: number): string[] {
  const isPromise = id.startsWith('P');
  const mustBeShown = isPromise || verdict === 'shown' || verdict === 'partly';
  const needsReason = !isPromise && verdict !== 'shown';
  return [
    ...(isPromise || verdicts.includes(verdict) ? [] : [`"${verdict}" is not one of ${verdicts.join(', ')}`]),
    ...(mustBeShown && tests === 0 ? ['no test has its id'] : []),
    ...(!mustBeShown && tests > 0 ? [`${verdict}, but a test has its id`] : []),
    ...(needsReason && notShown.length < 10 ? ['no reason is given'] : []),
    ...(!needsReason && !isPromise && notShown !== '-' ? ['shown, but something is named as not shown'] : []),
  ].map((complaint) => `${id}: ${complaint}`);
}

describe('docs/guarantees.md', () => {
  const rows = rowsOf(page);
  const evidence = allEvidence();
  const testsFor = (id: string) => evidence.filter((test) => test.rows.includes(id));

  it('has every id once', () => {
    expect(rows.map(({ id }) => id).toSorted()).toEqual(everyId.toSorted());
  });

  it('has a test, or the reason why there is none, in each row', () => {
    expect(rows.flatMap((row) => complaintsAbout(row, testsFor(row.id).length))).toEqual([]);
  });

  it('has a test of npm test in each row that a test shows', () => {
    const shown = rows.filter(({ id }) => testsFor(id).length > 0);
    expect(shown.filter(({ id }) => !testsFor(id).some(({ isFast }) => isFast))).toEqual([]);
  });

  it('has a row for each id in the name of a test', () => {
    const ids = new Set(rows.map(({ id }) => id));
    expect(evidence.filter((test) => test.rows.some((id) => !ids.has(id)))).toEqual([]);
  });

  it('lists the tests that have the ids of its rows: otherwise run npm run docs', () => {
    expect(withTests(page, evidence)).toBe(page);
  });
});

describe('the ids of guarantees in test names', () => {
  const source = [
    "it('[R1] a', { tags: ['full'] }, () => {});",
    "it.runIf(isLongForm)('[R1] b', () => {});",
    "it.each([1])('[R1 S2] c %s', { timeout: 1 }, f);",
    "it('[X1] d', f);",
    "it('e', f);",
  ].join('\n');

  it('are found with the tier of the test', () => {
    expect(evidenceIn('test/x.test.ts', source)).toEqual([
      { file: 'test/x.test.ts', rows: ['R1'], name: '[R1] a', isFast: false },
      { file: 'test/x.test.ts', rows: ['R1'], name: '[R1] b', isFast: false },
      { file: 'test/x.test.ts', rows: ['R1', 'S2'], name: '[R1 S2] c %s', isFast: true },
    ]);
  });

  it('are found in the tags of a unit test of dbt', () => {
    const yaml = 'unit_tests:\n  - name: one\n    config:\n      tags: [R88, P3]\n  - name: two\n    model: x\n';
    expect(evidenceInYaml('dbt/models/x.yml', yaml)).toEqual([
      { file: 'dbt/models/x.yml', rows: ['R88', 'P3'], name: 'one', isFast: true },
    ]);
  });

  it.each([
    [{ id: 'R1', verdict: 'shown', notShown: '-' }, 0],
    [{ id: 'R1', verdict: 'shown', notShown: 'the other half of it' }, 1],
    [{ id: 'R1', verdict: 'partly', notShown: '-' }, 1],
    [{ id: 'R1', verdict: 'not possible here', notShown: 'needs an account' }, 1],
    [{ id: 'R1', verdict: 'not applicable', notShown: '-' }, 0],
    [{ id: 'R1', verdict: 'maybe', notShown: '-' }, 1],
    [{ id: 'P1', verdict: '', notShown: '' }, 0],
  ])('make the page fail: %o with %i tests', (row, tests) => {
    expect(complaintsAbout(row, tests)).not.toEqual([]);
  });

  it('are written into the page', () => {
    const line = '| R1 | a | b | shown | - | - |';
    expect(withTests(`x\n${line}`, evidenceIn('test/x.test.ts', source))).toBe(
      'x\n| R1 | a | b | shown | - | `x.test.ts` (3) |',
    );
  });
});
