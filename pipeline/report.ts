import { z } from 'zod';
import { movieOutcomesShape } from '../consumers/fetcher.ts';
import { genresLookShape } from '../producers/genres.ts';
import { type PopularWalk, popularWalkShape } from '../producers/popular.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import { asColumns, formatTable } from '../runtime/table.ts';
import { formatDuration } from '../runtime/units.ts';
import { describeDeferred } from '../transform/full-refresh.ts';
import { type TransformResult, transformShape } from '../transform/transform.ts';
import { estimateShape } from './estimate.ts';
import { type Summary, summaryShape } from './summary.ts';

const requestsShape = z.object({
  requests: count.describe('requests to TMDb, retries included'),
  byOutcome: z
    .array(
      z.object({
        outcome: z.string().describe('meaning of the answer as an HTTP status, or failed if no answer came'),
        requests: count.describe('requests with this outcome'),
      }),
    )
    .describe('requests to TMDb by outcome'),
  limit: z
    .object({
      capacity: count.describe('maximum number of requests in a window'),
      windowSeconds: z.number().describe('length of a window'),
    })
    .describe('TMDB_RATE_LIMIT'),
  seconds: z.number().describe('duration of walking, fetching and loading'),
  limitUsed: z.number().describe('share of the limit that was used in that time, 0 to 1'),
});

const secondsShape = z.object({
  start: z.number().describe('connecting to Kafka'),
  walk: z.number().describe('reading the lists'),
  fetchAndLoad: z.number().describe('fetching the movies and loading BRONZE, which happens at the same time'),
  transform: z.number().describe('dbt'),
});

/** The result of one `run --once`. */
export const runReportShape = z.object({
  origin: z.enum(['tmdb', 'recorded', 'generated']).describe('where the movies come from'),
  estimate: estimateShape.describe('what the run was expected to cost before it began'),
  genres: z
    .object({
      ...genresLookShape.shape,
      failure: z
        .string()
        .nullable()
        .describe('why the list could not be fetched; null if it was published or is fresh'),
    })
    .describe('the genre list'),
  walk: popularWalkShape.describe('the popular list'),
  movies: movieOutcomesShape
    .omit({ skipped: true })
    .describe('ids of this run and unfinished ids of earlier runs; answers that BRONZE cannot store count as parked'),
  requests: requestsShape.describe('requests to TMDb'),
  ...summaryShape.shape,
  dbt: transformShape.describe('the outcome of dbt'),
  seconds: secondsShape.describe('duration of each stage'),
  warehouse: z.string().describe('the file, or the database and its account'),
  duckdbPath: z
    .string()
    .nullable()
    .describe('the file of all layers, which blocks writers while it is open; null if the warehouse is not a file'),
  goldPath: z.string().nullable().describe('the copy of GOLD to open; null if readers use the warehouse'),
});
export type RunReport = ValueOf<typeof runReportShape>;

/** The report as text, at the end of a run. */
export function formatReport(report: RunReport): string {
  const { walk, movies, requests, dbt } = report;
  const kpis = kpiTables(report.kpis);
  const lines = [
    [
      'movies',
      `${walk.found} found on ${walk.pagesRead} pages, ${walk.found - walk.published} of them fresh${leftOut(walk)}`,
    ],
    ...genresLine(report.genres),
    ['answers', `${movies.fetched} fetched, ${movies.gone} gone, ${movies.parked} parked in dead letters`],
    ['requests', requestsLine(requests)],
    ...layers.map((layer) => [layer, tablesLine(report.tables.filter((table) => table.layer === layer))]),
    ['dbt', dbtLine(dbt)],
    ['time', stages.map(([stage, name]) => `${name} ${formatDuration(report.seconds[stage] * 1_000)}`).join(', ')],
  ];
  const facts = lines.map(([name = '', text = '']) => `${name.padEnd(10)}${text}`).join('\n');
  return [...kpis, facts, howToOpen(report)].join('\n\n');
}

const layers = ['bronze', 'silver', 'gold'];

const stages = [
  ['start', 'start'],
  ['walk', 'walk'],
  ['fetchAndLoad', 'fetch and load'],
  ['transform', 'transform'],
] as const;

const kpiTables = ({ genrePerformance, yearlyTrends, topMovies }: Summary['kpis']): string[] => {
  const marts = {
    kpi_genre_performance: genrePerformance,
    kpi_yearly_trends: yearlyTrends,
    kpi_top_movies: topMovies,
  };
  return Object.entries(marts).map(([name, rows]) => `gold.${name}\n${formatTable(rows.map(asColumns))}`);
};

const leftOut = ({ itemsSkipped, pagesFailed }: PopularWalk) =>
  [
    itemsSkipped > 0 ? `; ${itemsSkipped} items skipped that name no movie` : '',
    pagesFailed > 0 ? `; ${pagesFailed} pages could not be used` : '',
  ].join('');

/** Empty if there is no problem. */
function genresLine({ rowsUnusable, failure }: RunReport['genres']): string[][] {
  if (failure !== null) return [['genres', `the list could not be used: ${failure}`]];
  return rowsUnusable > 0 ? [['genres', `${rowsUnusable} rows of the list skipped that name no genre`]] : [];
}

function requestsLine({ requests, byOutcome, limit, limitUsed, seconds }: RunReport['requests']): string {
  if (requests === 0) return 'none';
  const outcomes = byOutcome.map((one) => `${one.requests} x ${one.outcome}`).join(', ');
  const rate = `${limit.capacity} in ${formatDuration(limit.windowSeconds * 1_000)}`;
  return `${requests} (${outcomes}) in ${formatDuration(seconds * 1_000)}: ${(limitUsed * 100).toFixed(0)} % of the limit of ${rate}`;
}

const tablesLine = (tables: Summary['tables']) => tables.map(({ name, rows }) => `${name} ${rows}`).join(', ');

const dbtLine = ({ skipped, fullRefresh, testsPassed, testsWarned }: TransformResult) =>
  fullRefresh
    ? describeDeferred(fullRefresh)
    : `${testsPassed} tests passed, ${testsWarned} warned${skipped ? ' (in the last run: BRONZE has not changed since)' : ''}`;

function howToOpen({ warehouse, duckdbPath, goldPath, origin }: RunReport): string {
  const invented = origin === 'generated' ? 'These movies are invented; set TMDB_TOKEN to get real ones.\n' : '';
  if (goldPath === null) return `${invented}The tables are in the schemas BRONZE, SILVER and GOLD of ${warehouse}.`;
  const path = `'${goldPath.replaceAll("'", "'\\''")}'`;
  return [
    `${invented}BRONZE and SILVER are in ${duckdbPath}: while you have it open, nothing can write.`,
    `GOLD is in ${goldPath}: nothing waits for its readers.`,
    `Open it with any DuckDB 1.5, such as\n${openingCommand} \\\n  ${path}`,
    'To see the figures in a browser: npx tmdb-stream dashboard',
  ].join('\n');
}

/** For a shell, which removes a backslash with the line break after it, also between double quotes. No line has more than 80 columns. */
const openingCommand = [
  '  .tools/dbt/bin/python -c "import duckdb, sys; duckdb.connect(sys.argv[1], \\',
  `  read_only=True).sql('from kpi_top_movies').show()"`,
].join('\n');
