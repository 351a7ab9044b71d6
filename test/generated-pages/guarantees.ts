import type { Evidence } from './evidence.ts';

/** A row of docs/guarantees.md. */
export interface Row {
  /** P1 is a promise; R, S and Z are faults. */
  readonly id: string;
  /** Empty for a promise. */
  readonly verdict: string;
  /** The part that no test shows, or why there is no test. Empty for a promise. */
  readonly notShown: string;
}

const row = /^\| [PRSZ]\d+ \|/;

/** The rows of the page, in their order. */
export const rowsOf = (page: string): Row[] =>
  page
    .split('\n')
    .filter((line) => row.test(line))
    .map((line) => {
      const [id = '', , , verdict = '', notShown = ''] = cellsOf(line);
      return id.startsWith('P') ? { id, verdict: '', notShown: '' } : { id, verdict, notShown };
    });

/** The page, with its last column computed from the tests. */
export const withTests = (page: string, evidence: readonly Evidence[]): string =>
  page
    .split('\n')
    .map((line) => {
      if (!row.test(line)) return line;
      const cells = cellsOf(line);
      return `| ${[...cells.slice(0, -1), testsOf(cells[0] ?? '', evidence)].join(' | ')} |`;
    })
    .join('\n');

const cellsOf = (line: string): string[] => line.slice(2, -2).split(' | ');

/** Files, each with its number of tests if it has several for the row. */
function testsOf(id: string, evidence: readonly Evidence[]): string {
  const byFile = Map.groupBy(
    evidence.filter(({ rows }) => rows.includes(id)),
    ({ file }) => file.replace(/^test\//, ''),
  );
  const texts = [...byFile].map(([file, tests]) => `\`${file}\`${tests.length > 1 ? ` (${tests.length})` : ''}`);
  return texts.join(', ') || '-';
}
