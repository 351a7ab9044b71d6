import { errorOf, openStatus, type Status, statusShape } from '../../pipeline/status.ts';
import type { Context } from '../../platform/context.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { asColumns, formatTable } from '../../runtime/table.ts';
import { formatDuration } from '../../runtime/units.ts';
import { print } from '../engine/print.ts';
import { percentOf } from './coverage.ts';

const everyMs = 2_000;

interface ShowStatus {
  readonly watch: boolean;
  readonly json: boolean;
}

/** `status` */
export async function showStatus(context: Context, options: ShowStatus): Promise<number> {
  await using reader = openStatus(context);
  let code: number = ExitCode.done;
  do {
    const status = await reader.read();
    if (options.watch && !options.json && process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J');
    print(options, statusShape, status, () => textOf(status));
    code = status.errors.length === 0 ? ExitCode.done : ExitCode.partial;
    if (options.watch) await systemClock.sleep(everyMs, context.signal).catch(() => {});
  } while (options.watch && !context.signal.aborted);
  // Stopping a watch is its normal end.
  return options.watch ? ExitCode.done : code;
}

/** The status as tables, each under its title. A part that not every setup has is omitted if it is empty. */
export function textOf(status: Status): string {
  const { topics, tokens, layers, lastFlush, lastDbtRun, nextBuild, fullRefresh, lastDayAtSnowflake, coverage } =
    status;
  const { failures = [], ...lastRun } = lastDbtRun ?? {};
  const inWarehouse = errorOf(status, 'warehouse');
  const sections = [
    section('topics', (topics ?? []).map(topicRow), errorOf(status, 'topics')),
    tokens || errorOf(status, 'tokens') ? section('tokens', rowsOf(tokens), errorOf(status, 'tokens')) : [],
    section('layers', (layers ?? []).map(layerRow), inWarehouse),
    section('last flush', rowsOf(lastFlush), inWarehouse),
    lastDayAtSnowflake ? section('last 24 hours at Snowflake', rowsOf(lastDayAtSnowflake)) : [],
    section('last dbt run', rowsOf(lastDbtRun && lastRun), inWarehouse),
    nextBuild && !fullRefresh ? section('next dbt run', [{ reason: nextBuild }]) : [],
    fullRefresh ? section('next dbt run: full refresh', rowsOf(fullRefresh)) : [],
    coverage || errorOf(status, 'coverage') !== undefined
      ? section('last coverage report', rowsOf(coverage && coverageRow(coverage)), errorOf(status, 'coverage'))
      : [],
    failures.length > 0 ? section('failed in the last dbt run', failures.map(asColumns)) : [],
  ];
  return sections.flat().join('\n\n');
}

type Row = Record<string, unknown>;

function section(title: string, rows: readonly Row[], error?: string): string[] {
  const parts = [
    ...(rows.length > 0 ? [formatTable(rows)] : []),
    ...(error === undefined ? [] : [formatTable([{ error }])]),
  ];
  return [`${title}\n${parts.length > 0 ? parts.join('\n') : 'nothing yet'}`];
}

const topicRow = ({ topic, records, consumer, ...lag }: NonNullable<Status['topics']>[number]): Row =>
  asColumns({ topic, records, consumer, ...lag });

const layerRow = ({ ageSeconds, layer, changedAt, ...rest }: NonNullable<Status['layers']>[number]): Row =>
  asColumns({ layer, changedAt, age: ageSeconds === null ? null : formatDuration(ageSeconds * 1_000), ...rest });

const coverageRow = ({ readAt, ageSeconds, export: newest, ...movies }: NonNullable<Status['coverage']>): Row => {
  const { known, fetched, gone, expired, neverFetched, parked } = movies;
  const counts = { known, fetched, gone, expired, neverFetched, parked };
  return asColumns({
    ...{ readAt, age: formatDuration(ageSeconds * 1_000), ...counts },
    coverage: newest && percentOf(newest.share),
  });
};

const rowsOf = (value: object | null): Row[] => (value === null ? [] : [asColumns(value)]);
