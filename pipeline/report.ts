import type { Config } from '../platform/config.ts';
import type { GenresLook } from '../producers/genres.ts';
import type { PopularWalk } from '../producers/popular.ts';
import { formatTable } from '../runtime/table.ts';
import { formatDuration } from '../runtime/units.ts';
import type { TmdbSettings } from '../tmdb/settings.ts';
import type { RequestCounts } from '../tmdb/tmdb-client.ts';
import type { TransformResult } from '../transform/transform.ts';

type Rows = readonly Record<string, unknown>[];

/** The result of one `run --once`, for people and programs. */
export interface RunReport {
  readonly origin: Config['origin'];
  /** `failure`: why the list could not be fetched; null if it was published or is fresh. */
  readonly genres: GenresLook & { readonly failure: string | null };
  readonly walk: PopularWalk;
  /** Ids of this run, and unfinished ids of earlier runs. Answers that BRONZE cannot store count as parked, too. */
  readonly movies: { readonly fetched: number; readonly gone: number; readonly parked: number };
  readonly requests: RequestCounts & {
    readonly limit: TmdbSettings['rateLimit'];
    /** Seconds of walking, fetching and loading, and the used share of the limit in that time, 0-1. */
    readonly seconds: number;
    readonly limitUsed: number;
  };
  readonly rows: Readonly<Record<'bronze' | 'silver' | 'gold', Readonly<Record<string, number>>>>;
  readonly dbt: TransformResult;
  readonly seconds: Readonly<Record<string, number>>;
  readonly kpis: Readonly<Record<string, Rows>>;
  readonly warehouse: string;
  /** The file to open; null if the warehouse is not a file. */
  readonly duckdbPath: string | null;
}

/** The report as text, at the end of a run. */
export function formatReport(report: RunReport): string {
  const { walk, movies, requests, dbt } = report;
  const kpis = Object.entries(report.kpis).map(([name, rows]) => `gold.${name}\n${formatTable(rows)}`);
  const lines = [
    [
      'movies',
      `${walk.found} found on ${walk.pagesRead} pages, ${walk.found - walk.published} of them fresh${leftOut(walk)}`,
    ],
    ...genresLine(report.genres),
    ['answers', `${movies.fetched} fetched, ${movies.gone} gone, ${movies.parked} parked in dead letters`],
    ['requests', requestsLine(requests)],
    ...Object.entries(report.rows).map(([layer, tables]) => [layer, tablesLine(tables)]),
    ['dbt', dbtLine(dbt)],
    [
      'time',
      Object.entries(report.seconds)
        .map(([stage, s]) => `${stage} ${formatDuration(s * 1_000)}`)
        .join(', '),
    ],
  ];
  const facts = lines.map(([name = '', text = '']) => `${name.padEnd(10)}${text}`).join('\n');
  return [...kpis, facts, howToOpen(report)].join('\n\n');
}

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
  const outcomes = Object.entries(byOutcome)
    .map(([outcome, count]) => `${count} x ${outcome}`)
    .join(', ');
  const rate = `${limit.capacity} in ${formatDuration(limit.windowMs)}`;
  return `${requests} (${outcomes}) in ${formatDuration(seconds * 1_000)}: ${(limitUsed * 100).toFixed(0)} % of the limit of ${rate}`;
}

const tablesLine = (tables: Readonly<Record<string, number>>) =>
  Object.entries(tables)
    .map(([table, rows]) => `${table} ${rows}`)
    .join(', ');

const dbtLine = ({ skipped, testsPassed, testsWarned }: TransformResult) =>
  `${testsPassed} tests passed, ${testsWarned} warned${skipped ? ' (in the last run: BRONZE has not changed since)' : ''}`;

function howToOpen({ warehouse, duckdbPath, origin }: RunReport): string {
  const invented = origin === 'generated' ? 'These movies are invented; set TMDB_TOKEN to get real ones.\n' : '';
  if (duckdbPath === null) return `${invented}The tables are in the schemas BRONZE, SILVER and GOLD of ${warehouse}.`;
  const path = `'${duckdbPath.replaceAll("'", "'\\''")}'`;
  return `${invented}The tables are in ${duckdbPath}. Open it with any DuckDB 1.5, such as\n${openingCommand} \\\n  ${path}`;
}

/** For a shell, which removes a backslash with the line break after it, also between double quotes. No line has more than 80 columns. */
const openingCommand = [
  '  .tools/dbt/bin/python -c "import duckdb, sys; duckdb.connect(sys.argv[1], \\',
  `  read_only=True).sql('from gold.kpi_top_movies').show()"`,
].join('\n');
