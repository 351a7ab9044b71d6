import { formatTable } from '../../../runtime/table.ts';
import { median } from '../median.ts';
import type { Findings } from './audit.ts';
import type { GrownNode, Round } from './deployment.ts';
import { type Sizes, totalOf } from './sizes.ts';

export interface YearResult {
  readonly builds: number;
  readonly batches: number;
  readonly rows: number;
  readonly seed: number;
  readonly rounds: readonly Round[];
  readonly kills: readonly string[];
  readonly sizes: Sizes;
  readonly freshSizes: Sizes;
  readonly findings: Findings;
  readonly grown: readonly GrownNode[];
}

/** How much longer the median build of the last tenth may take than that of the first, and how much larger than a new one all files may be. */
const [timeBound, sizeBound] = [1.25, 1.5];

const figures = {
  'load, s': (rounds: readonly Round[]) => median(rounds.map(({ loadSeconds }) => loadSeconds)),
  'round of the scheduler, s': (rounds: readonly Round[]) => median(rounds.map(({ seconds }) => seconds)),
  'most memory of dbt, MB': (rounds: readonly Round[]) => Math.max(...rounds.map(({ dbtMegabytes }) => dbtMegabytes)),
  'most memory of the scheduler, MB': (rounds: readonly Round[]) =>
    Math.max(...rounds.map(({ ownMegabytes }) => ownMegabytes)),
};

/** The first and the last tenth of the builds without a kill, and their ratio. */
function tenths(
  all: readonly Round[],
): { readonly figure: string; readonly first: number; readonly last: number; readonly ratio: number }[] {
  const rounds = all.filter(({ killed }) => killed === null);
  const count = Math.ceil(rounds.length / 10);
  return Object.entries(figures).map(([figure, of]) => {
    const [first, last] = [of(rounds.slice(0, count)), of(rounds.slice(-count))];
    return { figure, first, last, ratio: last / first };
  });
}

const sizeRows = ({ sizes, freshSizes }: YearResult) =>
  Object.entries({ ...sizes, 'in total': totalOf(sizes) }).map(([name, megabytes]) => ({
    'MB on disk': name,
    year: megabytes,
    new: { ...freshSizes, 'in total': totalOf(freshSizes) }[name as keyof Sizes],
  }));

const verdictOf = (pass: boolean): string => (pass ? 'pass' : 'FAIL');

/** The report, and whether each target is met. */
export function describeYear(result: YearResult): { readonly text: string; readonly pass: boolean } {
  const ages = tenths(result.rounds);
  const time = ages.find(({ figure }) => figure.startsWith('round'))?.ratio ?? Number.NaN;
  const size = totalOf(result.sizes) / totalOf(result.freshSizes);
  const wrong = Object.entries(result.findings).flatMap(([name, found]) =>
    found === null ? [] : [`  ${name}: ${found}`],
  );
  const text = [
    `${result.batches} batches, ${result.rows} rows, ${result.builds} builds; seed ${result.seed}`,
    `killed with -9: ${result.kills.join(', ') || 'nothing'}`,
    '',
    formatTable(ages.map(({ figure, ...rest }) => ({ 'in a tenth of the builds': figure, ...rest }))),
    '',
    formatTable(sizeRows(result)),
    '',
    'models and tests that became slower, median seconds of the first and the last tenth',
    ...result.grown.map(({ name, first, last }) => `  ${first.toFixed(2)} ${last.toFixed(2)}  ${name}`),
    '',
    `build, last tenth to first: ${time.toFixed(2)}, bound ${timeBound}: ${verdictOf(time <= timeBound)}`,
    `files, year to new: ${size.toFixed(2)}, bound ${sizeBound}: ${verdictOf(size <= sizeBound)}`,
    `audit of ${Object.keys(result.findings).length} figures and tables: ${verdictOf(wrong.length === 0)}`,
    ...wrong,
  ].join('\n');
  return { text, pass: time <= timeBound && size <= sizeBound && wrong.length === 0 };
}
