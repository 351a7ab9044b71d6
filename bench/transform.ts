/**
 * Does the cost of a dbt run depend on the changes or on the history?
 *
 *   npm run bench -- transform [--sizes 10000,100000,1000000] [--shapes history,catalogue] [--runs 3] [--json]
 *
 * For each size a DuckDB file is filled by the product's own warehouse and built once; then each run appends 1,000
 * changed movies and measures the same `dbt build` as in `npm start`, tests included. BRONZE reaches its size in two
 * ways: `history`, where 10,000 movies are fetched repeatedly, and `catalogue`, where every row is another movie, which is the worst
 * case. The yardstick is a run without new rows: dbt's start, parsing and bookkeeping. Each build has a process of its own, as in
 * `npm start`; at the end, the process that the scheduler keeps repeats them.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../runtime/clock.ts';
import { createProgress, type Progress } from '../runtime/progress.ts';
import type { Dbt } from '../transform/dbt/dbt.ts';
import { openColdDbt, openWarmDbt } from '../transform/dbt/open-dbt.ts';
import { BronzeFile } from './support/bronze-file.ts';
import { Answers, type Shape, shapes } from './support/bronze-shapes.ts';
import { build, type Cost, medianCost, openDbt } from './support/dbt-build.ts';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10000,100000,1000000' },
    shapes: { type: 'string', default: 'history,catalogue' },
    runs: { type: 'string', default: '3' },
    changed: { type: 'string', default: '1000' },
    'batch-rows': { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
});
const sizes = values.sizes.split(',').map(Number);
const runs = Number(values.runs);
const changed = Number(values.changed);
/** Seconds at the last size compared with the first: the fastest run of each, which other load disturbed least. */
const bound = 1.25;

/** The costs of a build with changed movies, and of one with nothing new. */
interface Costs {
  readonly changed: Cost;
  readonly nothingNew: Cost;
}

interface Measured extends Costs {
  readonly rows: number;
  readonly movies: number;
  readonly megabytes: number;
  readonly first: Cost;
  /** In the process that the scheduler keeps. */
  readonly warm: Costs;
  readonly fastestSeconds: number;
  /** Median seconds of each model and test in the runs with changed movies. */
  readonly nodes: ReadonlyMap<string, number>;
}

async function measure({ name, movies, answersPerDay }: Shape, rows: number, progress: Progress): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-transform-'));
  const workDir = join(folder, 'dbt');
  const of = `${name} of ${rows}`;
  const told = (what: string, { seconds, cpuSeconds }: Cost) =>
    progress.note(
      `${of}: ${what} ${seconds.toFixed(1)} s, CPU ${cpuSeconds?.toFixed(1) ?? '-'} s, load ${loadavg()[0]?.toFixed(1)}`,
    );
  try {
    const file = new BronzeFile(join(folder, 'warehouse.duckdb'), {
      batchRows: Number(values['batch-rows']),
      answersPerDay,
    });
    const answers = new Answers(movies(rows));
    await file.fill(answers.rounds(rows), (done) => progress.update(of, { done, total: rows, unit: 'rows' }));
    await using cold = openDbt(openColdDbt, file, workDir);
    const first = await build(cold, file, true);
    told('first build', first);
    const repeat = async (dbt: Dbt, kind: string) => {
      const costs: { changed: Cost; nothingNew: Cost }[] = [];
      for (let run = 1; run <= runs; run += 1) {
        await file.append(answers.changed(changed));
        const cost = { changed: await build(dbt, file), nothingNew: await build(dbt, file) };
        told(`${kind} ${run}, ${changed} changed`, cost.changed);
        told(`${kind} ${run}, nothing new`, cost.nothingNew);
        costs.push(cost);
      }
      return costs;
    };
    const coldCosts = await repeat(cold, 'run');
    const nodes = await secondsByNode(file);
    await using warm = openDbt(openWarmDbt, file, workDir);
    // Starts the process, which parses the project.
    await build(warm, file);
    return {
      ...{ rows, movies: movies(rows), megabytes: Math.round(statSync(file.path).size / 1e6), first, nodes },
      ...medianCosts(coldCosts),
      warm: medianCosts(await repeat(warm, 'warm run')),
      fastestSeconds: Math.min(...coldCosts.map(({ changed: { seconds } }) => seconds)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const medianCosts = (costs: readonly Costs[]): Costs => ({
  changed: medianCost(costs.map((cost) => cost.changed)),
  nothingNew: medianCost(costs.map((cost) => cost.nothingNew)),
});

/** The runs with changed movies are those that sealed a batch: the first build with this sequence. */
async function secondsByNode(file: BronzeFile): Promise<Map<string, number>> {
  const rows = await file.query(`
    with changed_runs as (
      select arg_min(invocation_id, finished_at) as invocation_id
      from silver.dbt_runs where run_seq > 1 group by run_seq
    )
    select node_name, median(seconds) as seconds
    from silver.dbt_results inner join changed_runs using (invocation_id)
    group by node_name`);
  return new Map(rows.map((row) => [String(row['node_name']), Number(row['seconds'])]));
}

interface Verdict {
  readonly shape: Shape['name'];
  readonly sizes: readonly Measured[];
  /** Of the fastest runs. */
  readonly ratio: number;
  /** Of the medians, as is `cpuRatio`. */
  readonly medianRatio: number;
  readonly cpuRatio: number | null;
  readonly pass: boolean;
}

function judge(shape: Shape['name'], measured: readonly Measured[]): Verdict {
  const [first, last] = [measured[0], measured.at(-1)];
  if (!first || !last) throw new RangeError('no size to measure');
  const ratio = last.fastestSeconds / first.fastestSeconds;
  const medianRatio = last.changed.seconds / first.changed.seconds;
  const { cpuSeconds: firstCpu } = first.changed;
  const { cpuSeconds: lastCpu } = last.changed;
  const cpuRatio = firstCpu && lastCpu ? lastCpu / firstCpu : null;
  return { shape, sizes: measured, ratio, medianRatio, cpuRatio, pass: ratio < bound };
}

/** The models and tests that take longer at the last size than at the first. */
function grown({ sizes: measured }: Verdict): string[] {
  const [first, last] = [measured[0]?.nodes, measured.at(-1)?.nodes];
  return [...(last ?? [])]
    .map(([name, seconds]) => ({ name, seconds, more: seconds - (first?.get(name) ?? 0) }))
    .sort((a, b) => b.more - a.more)
    .slice(0, 8)
    .map(({ name, seconds, more }) => `  +${more.toFixed(2)} s to ${seconds.toFixed(2)} s  ${name}`);
}

const figure = (number: number | null | undefined): string => (number?.toFixed(2) ?? '-').padStart(8);
const pair = ({ seconds, cpuSeconds }: Cost): string => figure(seconds) + figure(cpuSeconds);
const memoryOf = ({ historySeconds, megabytes }: Cost): string =>
  figure(historySeconds) + String(megabytes).padStart(8);

/** One row for each size: the costs of the builds, each in two columns. */
const tableOf = (
  title: string,
  measured: readonly Measured[],
  costs: (size: Measured) => readonly string[],
): string[] => [
  title,
  ...measured.map(
    (size) =>
      String(size.rows).padStart(10) +
      costs(size)
        .map((cost) => `  ${cost}`)
        .join(''),
  ),
];

const describe = (verdict: Verdict): string =>
  [
    `${verdict.shape}: ${changed} changed movies, median of ${runs} runs, wall and CPU seconds`,
    '      rows    movies      MB    changed movies     nothing new     first build',
    ...verdict.sizes.map(
      ({ rows, movies, megabytes, ...cost }) =>
        String(rows).padStart(10) +
        String(movies).padStart(10) +
        String(megabytes).padStart(8) +
        `  ${pair(cost.changed)}${pair(cost.nothingNew)}${pair(cost.first)}`,
    ),
    ...tableOf('  a process that stays: changed movies, nothing new', verdict.sizes, ({ warm }) => [
      pair(warm.changed),
      pair(warm.nothingNew),
    ]),
    ...tableOf(
      '  models and tests of history and drift alone, seconds; most memory of dbt, MB: changed movies, nothing new, first build',
      verdict.sizes,
      (cost) => [memoryOf(cost.changed), memoryOf(cost.nothingNew), memoryOf(cost.first)],
    ),
    `  last to first, fastest runs: ${verdict.ratio.toFixed(2)}, bound ${bound}: ${verdict.pass ? 'pass' : 'FAIL'}`,
    `  last to first, medians: ${verdict.medianRatio.toFixed(2)}, CPU ${verdict.cpuRatio?.toFixed(2) ?? '-'}`,
    ...(verdict.sizes.length > 1 ? ['  what grew most:', ...grown(verdict)] : []),
  ].join('\n');

const verdicts: Verdict[] = [];
{
  using progress = createProgress(process.stderr, systemClock);
  for (const shape of shapes.filter(({ name }) => values.shapes.split(',').includes(name))) {
    const measured: Measured[] = [];
    for (const rows of sizes) measured.push(await measure(shape, rows, progress));
    verdicts.push(judge(shape.name, measured));
  }
}
const plain = (_: string, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value);
const machine = { cores: cpus().length, node: process.version };
process.stdout.write(
  values.json
    ? `${JSON.stringify({ ...machine, changed, runs, bound, shapes: verdicts }, plain)}\n`
    : `${verdicts.map(describe).join('\n\n')}\n`,
);
if (verdicts.some(({ pass }) => !pass)) process.exitCode = 1;
