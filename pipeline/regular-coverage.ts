import type { Context } from '../platform/context.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { orNull } from '../runtime/or-null.ts';
import { repeat, sleepUntil } from '../runtime/repeat.ts';
import type { Coverage } from './coverage-report.ts';
import { readLastCoverage, saveCoverage } from './last-coverage.ts';

/** The age (ms) at which the report is computed again. At a million movies, that takes seconds of CPU and of the DuckDB file. */
const maxAgeMs = 6 * 3_600_000;

/** How often (ms) the age is checked, first after this time: the first builds of a process come before its report. */
const checkEveryMs = 10 * 60_000;

/**
 * Keeps the report of `coverage` in the data folder younger than 6 hours and its metrics up to date, until the signal aborts. A report of
 * another process counts. A failure is logged and tried again: a report must not end a service.
 * @param read computes a report.
 */
export async function keepCoverage(
  context: Pick<Context, 'config' | 'log' | 'metrics' | 'signal'>,
  read: () => Promise<Coverage>,
  { clock = systemClock, random = Math.random }: { readonly clock?: Clock; readonly random?: () => number } = {},
): Promise<void> {
  const { signal, metrics } = context;
  const log = context.log.child({ report: 'coverage' });
  const timing = { clock, signal, log, onAlive: () => {} };
  await sleepUntil(clock.monotonic() + checkEveryMs, timing);
  // Also if the file cannot be written.
  let own: Omit<Coverage, 'missing'> | null = null;
  const work = async () => {
    // A report of an older version is replaced.
    const kept = orNull(() => readLastCoverage(context));
    const last = own !== null && (kept === null || kept.readAt < own.readAt) ? own : kept;
    const ageMs = last === null ? Number.POSITIVE_INFINITY : clock.now() - last.readAt.getTime();
    // A report of a clock that was ahead would otherwise stay until that time.
    const isCurrent = ageMs >= 0 && ageMs < maxAgeMs;
    const coverage = last !== null && isCurrent ? last : await read();
    if (!isCurrent) saveCoverage({ ...context, log }, coverage);
    own = coverage;
    showCoverage(metrics, coverage);
  };
  await repeat(work, { ...timing, everyMs: checkEveryMs, isOutage: () => true, random });
}

/** Sets the metrics to the figures of a report. */
function showCoverage({ coverage }: Context['metrics'], report: Omit<Coverage, 'missing'>): void {
  const { fetched, gone, expired, parked, neverFetched, export: newest, answerAge } = report;
  const movies = { fetched, gone, expired, parked, not_fetched: neverFetched - parked };
  for (const [state, count] of Object.entries(movies)) coverage.movies.set({ state }, count);
  for (const state of ['answered', 'missing'] as const) coverage.exported.set({ state }, newest?.[state] ?? 0);
  const { p50Seconds = 0, p90Seconds = 0, p99Seconds = 0, maxSeconds = 0 } = answerAge ?? {};
  const ages = { '0.5': p50Seconds, '0.9': p90Seconds, '0.99': p99Seconds, '1': maxSeconds };
  for (const [quantile, seconds] of Object.entries(ages)) coverage.answerAge.set({ quantile }, seconds);
  coverage.readAt.set(report.readAt.getTime() / 1_000);
}
