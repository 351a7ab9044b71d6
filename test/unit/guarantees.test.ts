import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isInFastTier } from '../tiers.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Faults that have to be spoken of: none may go missing. */
const range = (letter: string, last: number) => Array.from({ length: last }, (_, index) => `${letter}${index + 1}`);
const everyFault = [...range('R', 86), ...range('R', 114).slice(87), ...range('S', 13), ...range('Z', 5)];

const verdicts = ['shown', 'partly', 'not applicable', 'not possible here'];

/** A test by file and name, as the document quotes it: `faults/tmdb.test.ts` › “its name” › “another of the same file”. */
interface Quote {
  readonly file: string;
  readonly name: string;
}

/** The name of a test may hold anything but these quotation marks. Below `test/`, save what dbt tests itself. */
function quotesIn(text: string): Quote[] {
  return [...text.matchAll(/`([\w./-]+\.(?:ts|yml))`((?: › “[^”]+”)+)/g)].flatMap(([, file = '', names = '']) =>
    [...names.matchAll(/“([^”]+)”/g)].map(([, name = '']) => ({
      file: file.startsWith('dbt/') ? file : `test/${file}`,
      name,
    })),
  );
}

/** `npm run NAME`: what is shown by a command of its own. */
const commandsIn = (text: string): string[] => [...text.matchAll(/`npm run ([\w:]+)/g)].map(([, name = '']) => name);

/** Whether a file has a test of this name, as a text in quotes or, in YAML, as a name. */
function hasTest({ file, name }: Quote): boolean {
  if (!existsSync(join(root, file))) return false;
  const source = read(file);
  if (file.endsWith('.yml')) return source.includes(`name: ${name}\n`);
  return [`'${name}'`, `"${name}"`, `\`${name}\``].some((quoted) => source.includes(quoted));
}

/** Whether `npm test` runs it. The unit tests of dbt run with its build, in `integration/dbt/empty-warehouse.test.ts`. */
const isFast = ({ file, name }: Quote): boolean => file.endsWith('.yml') || isInFastTier(file, name, read(file));

interface Row {
  readonly fault: string;
  readonly verdict: string;
  readonly evidence: string;
}

const rowsOf = (text: string): Row[] =>
  text
    .split('\n')
    .filter((line) => /^\| [RSZ]\d+ \|/.test(line))
    .map((line) => {
      const [fault = '', , , verdict = '', evidence = ''] = line.slice(2, -2).split(' | ');
      return { fault, verdict, evidence };
    });

/** What is wrong with a row; nothing if it keeps its word. */
function complaintsAbout({ fault, verdict, evidence }: Row): string[] {
  const isShown = quotesIn(evidence).length + commandsIn(evidence).length > 0;
  const mustBeShown = verdict === 'shown' || verdict === 'partly';
  const saysWhatIsNot = /\bNot shown: \w.{9}/.test(evidence);
  return [
    ...(verdicts.includes(verdict) ? [] : [`"${verdict}" is none of ${verdicts.join(', ')}`]),
    ...(mustBeShown && !isShown ? ['no test is named'] : []),
    ...(!mustBeShown && isShown ? [`${verdict}, and yet a test is named`] : []),
    ...(!mustBeShown && evidence.length < 20 ? ['no reason is given'] : []),
    ...(saysWhatIsNot === (verdict === 'partly')
      ? []
      : ['what is not shown belongs to those that are partly shown, and there it must be said']),
  ].map((complaint) => `${fault}: ${complaint}`);
}

describe('docs/guarantees.md', () => {
  const text = read('docs/guarantees.md');
  const rows = rowsOf(text);

  it('lists every fault once', () => {
    expect(rows.map(({ fault }) => fault).sort()).toEqual([...everyFault].sort());
  });

  it('names the test of each, or the reason why there is none', () => {
    expect(rows.flatMap(complaintsAbout)).toEqual([]);
  });

  it('names only tests that exist', () => {
    const quotes = quotesIn(text);
    expect(quotes.length).toBeGreaterThan(100);
    expect(quotes.filter((quote) => !hasTest(quote))).toEqual([]);
    const { scripts } = JSON.parse(read('package.json'));
    expect(commandsIn(text).filter((name) => !(name in scripts))).toEqual([]);
  });

  it('names a test for every promise', () => {
    const [promises = ''] = text.split('\n## Faults');
    const lines = promises.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:stage|-)/.test(line));
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter((line) => quotesIn(line).length === 0)).toEqual([]);
  });

  it('names a test of npm test for every promise and every shown fault', () => {
    const promises = (text.split('\n## Faults')[0] ?? '').split('\n').filter((line) => line.startsWith('| '));
    const shown = rows.filter(({ verdict }) => verdict === 'shown' || verdict === 'partly');
    const lines = [...promises.filter((line) => quotesIn(line).length > 0), ...shown.map((row) => row.evidence)];
    expect(lines.length).toBeGreaterThan(90);
    expect(lines.filter((line) => !quotesIn(line).some(isFast))).toEqual([]);
  });

  it('detects a renamed test, a missing fault, an ambiguous verdict', () => {
    expect(hasTest({ file: 'test/unit/guarantees.test.ts', name: 'lists every fault once' })).toBe(true);
    expect(hasTest({ file: 'test/unit/guarantees.test.ts', name: ['speaks of', 'no fault'].join(' ') })).toBe(false);
    expect(hasTest({ file: 'test/unit/nowhere.test.ts', name: 'lists every fault once' })).toBe(false);
    const tagged =
      "it('a', { tags: ['full'] }, () => {});\nit.runIf(isFull)('b', () => {});\nit('c', { timeout: 1 }, f);";
    expect(['a', 'b', 'c', 'd'].filter((name) => isInFastTier('x.test.ts', name, tagged))).toEqual(['c']);
    const evidence = '`unit/guarantees.test.ts` › “lists every fault once” › “names only tests that exist”';
    expect(quotesIn(evidence)).toHaveLength(2);
    const cases: readonly (readonly [string, string])[] = [
      ['shown', 'It is so because we say so.'],
      ['shown', `${evidence}. Not shown: the other half of it`],
      ['partly', evidence],
      ['not possible here', `needs an account; ${evidence}`],
      ['not applicable', 'no'],
      ['maybe', evidence],
    ];
    for (const [verdict, words] of cases) {
      expect(complaintsAbout({ fault: 'R1', verdict, evidence: words }), verdict).not.toEqual([]);
    }
    expect(rowsOf(`| R1 | a | b | shown | ${evidence} |\n| R2 | a | b | shown | x |`)).toMatchObject([
      { fault: 'R1', verdict: 'shown', evidence },
      { fault: 'R2', evidence: 'x' },
    ]);
  });
});
