/**
 * Does a deployment on DuckDB become slower or larger in a year of micro-batches, builds and kills, and does it stay correct?
 *
 *   npm run bench -- year [--builds 300] [--batches 400] [--batch-rows 1] [--movies 2000] [--kills 10] [--seed 1] [--json]
 *
 * Before each build, a loader appends `batches` batches of `batch-rows` answers; the scheduler's rounds then build in the process that
 * it keeps, and publish GOLD. Movies are answered again and again: only the history grows. At random moments, loader, scheduler or dbt
 * are killed with -9. The yardsticks of the same run: the first tenth of the builds without a kill, and a new deployment that has loaded
 * the same answers in large batches and built once. A year of one batch in 15 seconds is `--builds 5000`. Linux only: it reads /proc.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../runtime/clock.ts';
import { createProgress } from '../runtime/progress.ts';
import { seededRandom } from '../test/support/warehouse/seeded-random.ts';
import { CommandLine } from './support/command-line.ts';
import { moviesInFile } from './support/movies-in-file.ts';
import { days, partitions, type YearPlan } from './support/year/answers.ts';
import { auditBronze, compareTables, type Findings } from './support/year/audit.ts';
import { Deployment } from './support/year/deployment.ts';
import { describeYear, type YearResult } from './support/year/report.ts';

const { values } = parseArgs({
  options: {
    builds: { type: 'string', default: '300' },
    batches: { type: 'string', default: '400' },
    'batch-rows': { type: 'string', default: '1' },
    movies: { type: 'string', default: '2000' },
    kills: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    json: { type: 'boolean', default: false },
  },
});
const [builds, batches, batchRows] = [values.builds, values.batches, values['batch-rows']].map(Number) as [
  number,
  number,
  number,
];
const movies = Number(values.movies);
const random = seededRandom(Number(values.seed));
/** Offsets of each partition: those of the first walk, and those that are loaded before each build. */
const [walkOffsets, buildOffsets] = [Math.ceil(movies / partitions), Math.ceil(batches / partitions) * batchRows];
const endOffsets = walkOffsets + builds * buildOffsets;
const plan: YearPlan = { movies, rows: endOffsets * partitions, from: Date.now() - days * 86_400_000 };

/** The numbers of the builds at which something is killed, in the order of time. */
function killedBuilds(): Set<number> {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(Number(values.kills), builds)) chosen.add(Math.floor(random() * builds));
  return chosen;
}

async function live(year: Deployment): Promise<Pick<YearResult, 'rounds' | 'kills'>> {
  const kills: string[] = [];
  const killed = killedBuilds();
  const rounds = [];
  using progress = createProgress(process.stderr, systemClock);
  for (let build = 0; build < builds; build += 1) {
    const kill = killed.has(build) ? { share: random(), who: Math.floor(random() * 4) } : null;
    const round = await year.round({ until: walkOffsets + (build + 1) * buildOffsets, batchRows }, kill);
    if (round.killed) kills.push(`${round.killed} at build ${build + 1}`);
    rounds.push(round);
    progress.update('year', { done: build + 1, total: builds, unit: 'builds' });
    if (build % 20 === 0) {
      const [load, took, megabytes] = [loadavg()[0], round.seconds, round.dbtMegabytes].map((figure) =>
        figure?.toFixed(1),
      );
      progress.note(`build ${build + 1}: ${took} s, dbt ${megabytes} MB, load ${load}`);
    }
  }
  return { rounds, kills };
}

/** @returns what differs between the year, the same answers loaded at once, and a full refresh of the year's BRONZE. */
async function audit(folder: string, year: Deployment, fresh: Deployment): Promise<Findings> {
  const refreshed = join(folder, 'refreshed');
  mkdirSync(refreshed);
  const path = join(refreshed, 'tmdb.duckdb');
  copyFileSync(year.path, path);
  await new CommandLine({ DATA_DIR: refreshed, TMDB_TOKEN: 'bench' }).run(path, ['transform', '--full-refresh']);
  const [own, other] = await Promise.all([moviesInFile(year.path), moviesInFile(fresh.path)]);
  return {
    ...(await auditBronze(year.path, plan)),
    documents: own.hash === other.hash ? null : `${own.hash} instead of ${other.hash}`,
    ...(await compareTables(year.path, path)),
  };
}

const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-year-'));
try {
  await using year = new Deployment(join(folder, 'year'), plan);
  await year.round({ until: walkOffsets, batchRows: 1_000 });
  const lived = await live(year);
  await year.end();
  await using fresh = new Deployment(join(folder, 'fresh'), plan);
  await fresh.round({ until: endOffsets, batchRows: 2_500 });
  await fresh.end();
  const findings = await audit(folder, year, fresh);
  const result: YearResult = {
    ...{
      ...lived,
      builds,
      batches: builds * Math.ceil(batches / partitions) * partitions,
      rows: plan.rows,
      seed: Number(values.seed),
    },
    ...{ sizes: year.sizes(), freshSizes: fresh.sizes(), findings, grown: await year.grownNodes() },
  };
  const { text, pass } = describeYear(result);
  process.stdout.write(`${values.json ? JSON.stringify({ ...result, pass }) : text}\n`);
  if (!pass) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
