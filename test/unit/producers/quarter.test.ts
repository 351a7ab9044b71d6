import { expect, it } from 'vitest';
import { reportCoverage } from '../../../pipeline/coverage-report.ts';
import { dayMs, utcDay } from '../../../runtime/days.ts';
import { SlidingWindow } from '../../../sandbox/sliding-window.ts';
import { expectedRequests } from '../../support/discovery/expected-requests.ts';
import { days, hourMs, offline, Quarter, reaskAfterDays, refreshHours } from '../../support/discovery/quarter.ts';
import type { Request } from '../../support/discovery/simulated-pipeline.ts';

/** The export is read once a day, and its movies wait for a day at most. */
const reaskSlackMs = 2 * dayMs;
const offlineMs = (offline[1] - offline[0]) * dayMs;
/** After the absence, the oldest movies wait for two days at most. */
const catchUpDays = 2;
/** The popular list is walked every 6 hours, and its movies wait for 2 hours at most. */
const popularAgeMs = (refreshHours + 6 + 2) * hourMs;

/** What is wrong with the state of each hour. Each finding is one line. */
function checkOf(quarter: Quarter, findings: string[]): () => Promise<void> {
  const { pipeline, tmdb, clock } = quarter;
  const found = (what: string) => findings.push(`day ${quarter.day}, hour ${quarter.hour % 24}: ${what}`);
  const askedAt = (movieId: number) => pipeline.newest.get(movieId)?.askedAt ?? Number.NEGATIVE_INFINITY;
  let isBackfilled = false;
  let nextDayOfChanges = Math.floor(clock.now() / dayMs);
  const ofPopular = () => {
    const stale = tmdb.popularNow(quarter.pages).filter((id) => clock.now() - askedAt(id) > popularAgeMs);
    if (stale.length > 0) found(`${stale.length} popular movies are not fresh, such as ${stale[0]}`);
  };
  const ofChanges = () => {
    const today = Math.floor(clock.now() / dayMs);
    for (; nextDayOfChanges < today; nextDayOfChanges += 1) {
      const end = (nextDayOfChanges + 1) * dayMs;
      const missed = [...tmdb.changedOn(nextDayOfChanges * dayMs)].filter((id) => askedAt(id) < end);
      if (missed.length > 0)
        found(`${missed.length} changes of ${utcDay(end - dayMs)} are missed, such as ${missed[0]}`);
    }
  };
  const ofCoverage = async () => {
    const answers = [...pipeline.newest.values()].map(({ movieId, askedAt: at, isGone }) => {
      return { movieId, ageSeconds: (clock.now() - at) / 1_000, isGone };
    });
    const exported = { day: utcDay(clock.now()), movies: pipeline.exported.movies };
    const input = {
      now: clock.now(),
      exported,
      answers,
      parked: new Map(),
      mostMissing: 1,
      reaskAfterMs: Number.POSITIVE_INFINITY,
      retentionMs: 180 * dayMs,
    };
    const { export: ofExport, answerAge, missing } = await reportCoverage(input);
    isBackfilled ||= ofExport?.share === 1;
    const isExpected = isBackfilled || quarter.day >= 3;
    if (isExpected && ofExport?.share !== 1) found(`coverage is ${ofExport?.share}, without ${missing?.[0]?.movieId}`);
    const isCatchingUp = quarter.day >= offline[1] && quarter.day < offline[1] + catchUpDays;
    const most = reaskAfterDays * dayMs + reaskSlackMs + (isCatchingUp ? offlineMs : 0);
    if ((answerAge?.maxSeconds ?? 0) * 1_000 > most)
      found(`an answer is ${(answerAge?.maxSeconds ?? 0) / 86_400} days old`);
  };
  return async () => {
    if (quarter.isOffline) return;
    const isBack = quarter.hour >= offline[1] * 24 + 2 || quarter.day < offline[0];
    if (quarter.hour % 6 === 2 && isBack) ofPopular();
    if (quarter.hour % 24 === 23) {
      ofChanges();
      await ofCoverage();
    }
  };
}

/** Requests that no rule asks for. */
function needless({ pipeline: { requests }, tmdb }: Quarter): string[] {
  const byMovie = Map.groupBy(requests, ({ movieId }) => movieId);
  const isNeeded = (request: Request, earlier: readonly Request[]): boolean => {
    const ofFirstTopic = earlier.filter(({ reason }) => reason === 'popular' || reason === 'changed');
    const newest = Math.max(...earlier.map(({ requestedAt }) => requestedAt));
    switch (request.reason) {
      case 'popular':
        return ofFirstTopic.every(({ requestedAt }) => request.requestedAt - requestedAt >= refreshHours * hourMs);
      case 'changed': {
        // A change of one of the days since the newest request.
        const last = Math.max(request.requestedAt - 9 * dayMs, ...ofFirstTopic.map(({ requestedAt }) => requestedAt));
        const changedDays = Array.from({ length: 10 }, (_, index) => request.requestedAt - (index + 1) * dayMs);
        return changedDays.some(
          (at) => (Math.floor(at / dayMs) + 1) * dayMs > last && tmdb.changedOn(at).has(request.movieId),
        );
      }
      case 'export':
        // The first request, or one for a movie that left the export, once.
        return (
          earlier.length === 0 ||
          (request.isGone &&
            earlier.every(({ reason, requestedAt: at }) => reason !== 'export' || request.requestedAt - at >= dayMs))
        );
      default:
        return request.requestedAt - newest >= (reaskAfterDays / 2) * dayMs;
    }
  };
  return [...byMovie].flatMap(([movieId, ofMovie]) => {
    // At the start, the export is read first.
    const order = ({ requestedAt, reason }: Request) => requestedAt - (reason === 'export' ? 1 : 0);
    const ordered = ofMovie.toSorted((a, b) => order(a) - order(b));
    return ordered
      .filter((request, index) => !isNeeded(request, ordered.slice(0, index)))
      .map(({ reason, requestedAt }) => `${movieId} for ${reason} at ${new Date(requestedAt).toISOString()}`);
  });
}

/** The number of requests by the formula. */
function expected(quarter: Quarter, movies: number): number {
  const { tmdb, appeared, listedStates, absent, pages } = quarter;
  const drawn = Math.round(movies * 0.007);
  // A movie that leaves the export costs a request, as one that changes does.
  const unchanged = (1 - 1 / movies) ** drawn * (1 - absent / (movies * days));
  const plan = { days, offline, reaskAfterDays, changedShare: 1 - unchanged };
  const byFirstDay = Map.groupBy([...tmdb.catalogue.exported()], ({ id }) => appeared.get(id) ?? 0);
  const ofCatalogue = [...byFirstDay].map(([day, ids]) => ids.length * expectedRequests(plan, day));
  const popularDays = days - (offline[1] - offline[0]);
  // Popular movies are asked for each day, and so for no other reason but the first.
  const ofPopular = pages * 20 * (popularDays + 1 - expectedRequests(plan, 0));
  return ofCatalogue.reduce((sum, requests) => sum + requests, 0) + ofPopular + listedStates;
}

/** At least 1,000. */
const movies = Number(process.env['QUARTER_MOVIES'] ?? 1_000);

it('[P24 P20 P17 P18 R145] in a quarter with a week offline, discovery has every movie, none too old, popular ones fresh, and requests none in vain', {
  timeout: 60_000 + movies * 30,
}, async () => {
  const quarter = new Quarter(movies);
  const findings: string[] = [];
  await quarter.run(checkOf(quarter, findings));
  expect(findings).toEqual([]);
  const { requests, newest, waiting } = quarter.pipeline;
  expect(waiting.first).toBe(0);
  expect(needless(quarter)).toEqual([]);
  const { rateLimit } = quarter;
  const window = new SlidingWindow(rateLimit);
  expect(requests.filter(({ askedAt }) => window.arrive(askedAt) > 0)).toEqual([]);
  // A movie that came back without a list that says so is found by its age, and one that was deleted by the next export.
  const wrong = [...newest.values()].filter(({ movieId, isGone }) => isGone === quarter.tmdb.exists(movieId));
  expect(wrong.length).toBeLessThan(0.03 * movies);
  // Since the last export was read, at most.
  const unseen = wrong.filter(({ isGone }) => !isGone);
  expect(unseen.length).toBeLessThan(0.004 * movies);
  expect(newest.size).toBeGreaterThan(0.9 * movies);
  const ratio = requests.length / expected(quarter, movies);
  expect(ratio).toBeGreaterThan(0.96);
  expect(ratio).toBeLessThan(1.04);
});
