import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { reportCoverage } from '../../../pipeline/coverage-report.ts';
import { readLastCoverage, saveCoverage } from '../../../pipeline/last-coverage.ts';
import { keepCoverage } from '../../../pipeline/regular-coverage.ts';
import { loadConfig } from '../../../platform/config.ts';
import { createMetrics } from '../../../runtime/metrics.ts';
import { MovieSet } from '../../../schemas/movie-set.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { silent } from '../../support/kafka/broker.ts';

const minute = 60_000;
const hour = 60 * minute;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-coverage-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const moviesOf = (...ids: number[]): MovieSet => {
  const set = new MovieSet();
  for (const id of ids) set.add(id);
  return set;
};

/** Two movies of five are answered, one of them is gone, and one is parked. */
const reportAt = (now: number) =>
  reportCoverage({
    ...{ now, mostMissing: null, reaskAfterMs: 150 * 24 * hour, retentionMs: 180 * 24 * hour },
    exported: { day: '2026-08-31', movies: moviesOf(1, 2, 3, 4, 5) },
    answers: [
      { movieId: 1, ageSeconds: 10, isGone: false },
      { movieId: 2, ageSeconds: 20, isGone: true },
    ],
    parked: new Map([[3, 'wrong_movie']]),
  });

/** Keeps the report; each reading fails that `failures` has an error for. */
function start({ failures = [] }: { readonly failures?: readonly (Error | undefined)[] } = {}) {
  const clock = new ManualClock();
  const stop = new AbortController();
  const startedAt = clock.monotonic();
  const readAt: number[] = [];
  const context = {
    ...{ config: loadConfig({ DATA_DIR: folder }), log: silent },
    ...{ metrics: createMetrics('test'), signal: stop.signal },
  };
  const read = async () => {
    readAt.push((clock.monotonic() - startedAt) / minute);
    const failure = failures[readAt.length - 1];
    if (failure) throw failure;
    return await reportAt(clock.now());
  };
  return { clock, stop, context, readAt, running: keepCoverage(context, read, { clock, random: () => 0.5 }) };
}

it('[P24] reads the report ten minutes after the start and every six hours, and keeps it', async () => {
  const { clock, stop, context, readAt, running } = start();
  await clock.advance(12 * hour + 30 * minute);
  expect(readAt).toEqual([10, 370, 730]);
  expect(readLastCoverage(context)).toMatchObject({ known: 5, fetched: 1, gone: 1, neverFetched: 3, parked: 1 });
  stop.abort();
  await running;
});

it('shows the figures as metrics', async () => {
  const { clock, stop, context, running } = start();
  await clock.advance(11 * minute);
  const text = await context.metrics.registry.metrics();
  const expected = {
    'tmdb_coverage_movies{state="fetched"}': 1,
    'tmdb_coverage_movies{state="gone"}': 1,
    'tmdb_coverage_movies{state="expired"}': 0,
    'tmdb_coverage_movies{state="parked"}': 1,
    'tmdb_coverage_movies{state="not_fetched"}': 2,
    'tmdb_coverage_export_movies{state="answered"}': 2,
    'tmdb_coverage_export_movies{state="missing"}': 3,
    'tmdb_coverage_answer_age_seconds{quantile="0.5"}': 10,
    'tmdb_coverage_answer_age_seconds{quantile="1"}': 20,
  };
  for (const [series, value] of Object.entries(expected)) expect(text).toContain(`${series} ${value}\n`);
  expect(text).toMatch(/tmdb_coverage_timestamp_seconds [1-9]/);
  stop.abort();
  await running;
});

it('shows a report that another process has kept, and reads none before it is six hours old', async () => {
  const { clock, stop, context, readAt, running } = start();
  saveCoverage(context, await reportAt(clock.now() - 5 * hour));
  await clock.advance(30 * minute);
  expect(readAt).toEqual([]);
  expect(await context.metrics.registry.metrics()).toContain('tmdb_coverage_movies{state="not_fetched"} 2\n');
  await clock.advance(hour);
  expect(readAt).toEqual([60]);
  stop.abort();
  await running;
});

it('reads no report more often because the file cannot be written', async () => {
  const { clock, stop, readAt, running } = start();
  mkdirSync(join(folder, 'coverage.json'));
  await clock.advance(3 * hour);
  expect(readAt).toEqual([10]);
  stop.abort();
  await running;
});

it('replaces a report of a clock that was ahead', async () => {
  const { clock, stop, context, readAt, running } = start();
  saveCoverage(context, await reportAt(clock.now() + 24 * hour));
  await clock.advance(15 * minute);
  expect(readAt).toEqual([10]);
  stop.abort();
  await running;
});

it('tries again after a failure, and replaces a file that is not a report', async () => {
  writeFileSync(join(folder, 'coverage.json'), '{}');
  const { clock, stop, context, readAt, running } = start({ failures: [new Error('no broker')] });
  await clock.advance(25 * minute);
  expect(readAt).toHaveLength(2);
  expect(readLastCoverage(context)).toMatchObject({ known: 5 });
  stop.abort();
  await running;
});
