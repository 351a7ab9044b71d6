import { readCoverage } from '../../pipeline/coverage.ts';
import { type Coverage, coverageShape } from '../../pipeline/coverage-report.ts';
import { saveCoverage } from '../../pipeline/last-coverage.ts';
import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { utcDay } from '../../runtime/days.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { formatTable } from '../../runtime/table.ts';
import { formatDuration } from '../../runtime/units.ts';
import { print } from '../engine/print.ts';

/** The largest number of missing movies that `--missing` lists. */
const mostMissing = 1_000;

interface ShowCoverage {
  readonly missing: boolean;
  readonly json: boolean;
}

/** `coverage` */
export async function showCoverage(context: Context, options: ShowCoverage): Promise<number> {
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'look' });
  const coverage = await readCoverage(platform, context, { mostMissing: options.missing ? mostMissing : null });
  print(options, coverageShape, coverage, () => textOf(coverage));
  saveCoverage(context, coverage);
  return ExitCode.done;
}

/** The report as tables, and what to run. */
export function textOf(coverage: Coverage): string {
  const { export: newest, answerAge, advice, missing } = coverage;
  const { known, fetched, gone, expired, neverFetched, parked } = coverage;
  const sections = [
    `movies\n${formatTable([{ known, fetched, gone, expired, never_fetched: neverFetched, parked }])}`,
    newest ? `the export of ${utcDay(newest.exportedAt.getTime())}\n${formatTable([exportRow(newest)])}` : null,
    answerAge ? `age of the newest answers\n${formatTable([ageRow(answerAge)])}` : null,
    missing && missing.length > 0
      ? `expired or never fetched\n${formatTable(missing.map(({ movieId, reason }) => ({ movie_id: String(movieId), reason })))}`
      : null,
    missing && missing.length < expired + neverFetched ? `and ${expired + neverFetched - missing.length} more` : null,
    advice.join('\n') || 'complete: nothing to do',
  ];
  return sections.filter((section) => section !== null).join('\n\n');
}

const exportRow = ({ movies, answered, missing, share, beyond }: NonNullable<Coverage['export']>) => ({
  movies,
  answered,
  missing,
  coverage: percentOf(share),
  only_in_bronze: beyond,
});

/** Rounded down: 100 % means that no movie is missing. */
export const percentOf = (share: number | null): string | null =>
  share === null ? null : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;

const ageRow = (age: NonNullable<Coverage['answerAge']>) =>
  Object.fromEntries(
    Object.entries(age).map(([name, seconds]) => [name.replace('Seconds', ''), formatDuration(seconds * 1_000)]),
  );
