/**
 * Does a ledger of years make loads, looks and builds slow?
 *
 *   npm run bench -- ledger [--lines 500000,2000000,5000000] [--runs 3] [--json]
 *
 * `bronze.load_batches` and `silver.sealed_batches` have a line for each batch and never shrink. At 15 seconds from one batch to the
 * next, a year has two million. Two DuckDB files have the same 10,000 movies; one gets the lines of so many batches without rows, as
 * loader and dbt write them, and the other is the yardstick. Then both alternately load 1,000 changed movies, look for new batches as
 * the scheduler does, and build in the process that the scheduler keeps, once with the changes and once without.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../runtime/clock.ts';
import { createProgress } from '../runtime/progress.ts';
import type { Dbt } from '../transform/dbt/dbt.ts';
import { openColdDbt, openWarmDbt } from '../transform/dbt/open-dbt.ts';
import { transformState } from '../transform/state.ts';
import { BronzeFile } from './support/bronze-file.ts';
import { Answers } from './support/bronze-shapes.ts';
import { build, openDbt, vars } from './support/dbt-build.ts';
import { median } from './support/median.ts';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '500000,2000000,5000000' },
    runs: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const movies = 10_000;
/** A build may take this many times as long after a year as at the start. */
const bound = 1.25;

interface Bed {
  readonly file: BronzeFile;
  readonly answers: Answers;
  readonly dbt: Dbt;
}

/** Seconds; `cpu` is that of both builds. */
const figures = ['load', 'look', 'changed', 'nothingNew', 'cpu'] as const;
type Round = Readonly<Record<(typeof figures)[number], number>>;

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1_000;
}

async function open(folder: string, name: string): Promise<Bed> {
  const file = new BronzeFile(join(folder, `${name}.duckdb`), { batchRows: 1_000, answersPerDay: movies });
  const answers = new Answers(movies);
  await file.fill(answers.rounds(movies), () => {});
  await using cold = openDbt(openColdDbt, file, join(folder, `${name}-first`));
  await build(cold, file, true);
  const dbt = openDbt(openWarmDbt, file, join(folder, name));
  // Starts the process, which parses the project.
  await build(dbt, file);
  return { file, answers, dbt };
}

async function round({ file, answers, dbt }: Bed): Promise<Round> {
  const changes = answers.changed(1_000);
  const load = await secondsOf(() => file.append(changes));
  const look = await secondsOf(() => transformState((sql) => file.query(sql), vars.project_fingerprint));
  const costs = [await build(dbt, file), await build(dbt, file)];
  const [changed = 0, nothingNew = 0] = costs.map(({ seconds }) => seconds);
  return { load, look, changed, nothingNew, cpu: costs.reduce((sum, { cpuSeconds }) => sum + (cpuSeconds ?? 0), 0) };
}

const medians = (rounds: readonly Round[]): Round =>
  Object.fromEntries(figures.map((figure) => [figure, median(rounds.map((one) => one[figure]))])) as Round;

interface Measured {
  readonly lines: number;
  /** What the lines add to the file. */
  readonly megabytes: number;
  readonly few: Round;
  readonly many: Round;
  readonly ratio: number;
  readonly cpuRatio: number;
}

function describe(sizes: readonly Measured[]): string {
  const pair = (few: number, many: number) => `${few.toFixed(2)} ${many.toFixed(2)}`.padStart(14);
  return [
    `seconds without and with the lines, medians of ${runs}`,
    '     lines    MB          load          look       changed   nothing new  CPU of builds',
    ...sizes.map(
      ({ lines, megabytes, few, many }) =>
        String(lines).padStart(10) +
        String(megabytes).padStart(6) +
        figures.map((figure) => pair(few[figure], many[figure])).join(''),
    ),
    ...sizes.map(
      ({ lines, ratio, cpuRatio }) =>
        `  ${lines} lines: a build with changes takes ${ratio.toFixed(2)} of the yardstick, both builds ${cpuRatio.toFixed(2)} of its CPU; ` +
        `bound ${bound}: ${ratio <= bound ? 'pass' : 'fail'}`,
    ),
  ].join('\n');
}

using progress = createProgress(process.stderr, systemClock);
const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-ledger-'));
try {
  const [yardstick, aged] = [await open(folder, 'yardstick'), await open(folder, 'aged')];
  await using _dbts = new AsyncDisposableStack();
  _dbts.use(yardstick.dbt);
  _dbts.use(aged.dbt);
  const sizes: Measured[] = [];
  for (const lines of values.lines.split(',').map(Number)) {
    await aged.file.ageLedger(lines);
    const rounds: { readonly new: Round; readonly old: Round }[] = [];
    for (let run = 1; run <= runs; run += 1) {
      progress.note(`${lines} lines, run ${run} of ${runs}`);
      rounds.push({ new: await round(yardstick), old: await round(aged) });
    }
    const few = medians(rounds.map((one) => one.new));
    const many = medians(rounds.map((one) => one.old));
    const megabytes = Math.round((statSync(aged.file.path).size - statSync(yardstick.file.path).size) / 1e6);
    sizes.push({ lines, megabytes, few, many, ratio: many.changed / few.changed, cpuRatio: many.cpu / few.cpu });
  }
  process.stdout.write(`${values.json ? JSON.stringify({ runs, bound, sizes }) : describe(sizes)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
