import { z } from 'zod';
import { dayMs, startOfDay, utcDay } from '../runtime/days.ts';
import { count, time, type ValueOf } from '../runtime/shape.ts';
import { formatDuration } from '../runtime/units.ts';
import { type DeadLetterReason, deadLetterReasons } from '../schemas/dead-letter-reasons.ts';
import { MovieSet } from '../schemas/movie-set.ts';
import type { NewestAnswer } from '../warehouse/newest-answers.ts';

const seconds = z.number();

const exportShape = z.object({
  exportedAt: time.describe('beginning of the UTC day of the export'),
  movies: count.describe('movies in it'),
  answered: count.describe('those with an answer in BRONZE that is not expired, 404 included'),
  missing: count.describe('those without such an answer'),
  share: z.number().nullable().describe('answered / movies, from 0 to 1; null if the export is empty'),
  beyond: count.describe('movies with such an answer that are not in the export'),
});

const ageShape = z.object({
  p50Seconds: seconds.describe('the median age of the newest answers'),
  p90Seconds: seconds.describe('90 % of the newest answers are at most this old'),
  p99Seconds: seconds.describe('99 % of the newest answers are at most this old'),
  maxSeconds: seconds.describe('age of the oldest of the newest answers'),
});

const missingShape = z.object({
  movieId: count.describe('id of the movie at TMDb'),
  reason: z
    .enum(['not_fetched', 'expired', ...deadLetterReasons])
    .describe(
      'the reason of its dead letter, if it has one; expired: its newest answer is older than TMDB_RETENTION; not_fetched: it was not requested yet, or waits',
    ),
});

/** How much of TMDb's catalogue is in BRONZE, and how old it is. */
export const coverageShape = z.object({
  readAt: time.describe('when it was read'),
  export: exportShape.nullable().describe('the newest export that was read to its end; null before the first'),
  known: count.describe('movies in the export, in BRONZE or in dead letters'),
  fetched: count.describe('movies whose newest answer describes them'),
  gone: count.describe('movies whose newest answer is a 404 or 410: TMDb no longer has them'),
  expired: count.describe(
    'movies whose newest answer is older than TMDB_RETENTION: GOLD loses them with the next purge',
  ),
  neverFetched: count.describe('known movies without an answer in BRONZE: known - fetched - gone - expired'),
  parked: count.describe('movies in neverFetched that are in dead letters'),
  answerAge: ageShape
    .nullable()
    .describe('age of the newest answer of each movie, without expired ones; null if there are none'),
  advice: z.array(z.string()).describe('what to run; empty if there is nothing to do'),
  missing: z
    .array(missingShape)
    .nullable()
    .describe('up to 1,000 of the movies in expired and neverFetched, by ascending id; null without --missing'),
});
export type Coverage = ValueOf<typeof coverageShape>;

/** The report as it is kept: without the list of missing movies. */
export const keptCoverageShape = coverageShape.omit({ missing: true });
export type KeptCoverage = ValueOf<typeof keptCoverageShape>;
type Missing = ValueOf<typeof missingShape>;

/** What the report is computed from. */
export interface CoverageInput {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** null before the first export. `day` is `YYYY-MM-DD`. */
  readonly exported: { readonly day: string; readonly movies: MovieSet } | null;
  /** Each movie once, in any order. */
  readonly answers: AsyncIterable<NewestAnswer> | Iterable<NewestAnswer>;
  /** Movies with an open dead letter. */
  readonly parked: ReadonlyMap<number, DeadLetterReason>;
  /** How many missing movies to list; null for no list. */
  readonly mostMissing: number | null;
  /** TMDB_REASK_AFTER (ms). */
  readonly reaskAfterMs: number;
  /** TMDB_RETENTION (ms): an older answer has expired. */
  readonly retentionMs: number;
}

/** Computes the report. A million movies need 10 MB: one bit for each movie in three sets, and the age of each answer. */
export async function reportCoverage(input: CoverageInput): Promise<Coverage> {
  const { now, exported, parked, mostMissing } = input;
  const answers = await countAnswers(input);
  const { answered, gone, expired } = answers;
  const counts = { expired: expired.size, neverFetched: 0, parked: 0 };
  const listed: Missing[] = [];
  let withLetter = 0;
  for (const movieId of missingOf(input, answers)) {
    const letter = parked.get(movieId);
    if (letter !== undefined) withLetter += 1;
    if (!expired.has(movieId)) {
      counts.neverFetched += 1;
      if (letter !== undefined) counts.parked += 1;
    }
    // A new answer of an expired movie may be in a dead letter: only its reason says what to do.
    const reason = letter ?? (expired.has(movieId) ? 'expired' : 'not_fetched'); // mutant: discovery.reason
    if (listed.length < (mostMissing ?? 0)) listed.push({ movieId, reason });
  }
  const figures = {
    readAt: new Date(now),
    export: exported && exportOf(exported, answers),
    known: answered.size + expired.size + counts.neverFetched,
    fetched: answered.size - gone,
    gone,
    ...counts,
    answerAge: agesOf(answers.ages),
    missing: mostMissing === null ? null : listed,
  };
  return { ...figures, advice: adviceFor({ ...figures, withLetter }, input) };
}

interface AnswerCounts {
  /** Movies whose newest answer has not expired. */
  readonly answered: MovieSet;
  readonly expired: MovieSet;
  readonly gone: number;
  readonly inExport: number;
  /** In seconds. */
  readonly ages: Float64Array;
}

async function countAnswers({ answers, exported, retentionMs }: CoverageInput): Promise<AnswerCounts> {
  const [answered, expired] = [new MovieSet(), new MovieSet()];
  const counts = { gone: 0, inExport: 0 };
  let ages = new Float64Array(1_024);
  for await (const { movieId, ageSeconds, isGone } of answers) {
    // mutant: discovery.expired
    if (ageSeconds * 1_000 > retentionMs) {
      expired.add(movieId);
      continue;
    }
    if (answered.size === ages.length) {
      const larger = new Float64Array(ages.length * 2);
      larger.set(ages);
      ages = larger;
    }
    ages[answered.size] = ageSeconds;
    answered.add(movieId);
    if (isGone) counts.gone += 1; // mutant: discovery.gone-counted
    if (exported?.movies.has(movieId)) counts.inExport += 1;
  }
  return { ...counts, answered, expired, ages: ages.subarray(0, answered.size) };
}

/** The known movies without an answer that has not expired, in the order of their ids. */
function* missingOf({ exported, parked }: CoverageInput, { answered, expired }: AnswerCounts): Generator<number> {
  const known = new MovieSet();
  // mutant: discovery.missing
  for (const movieId of exported?.movies ?? []) if (!answered.has(movieId)) known.add(movieId);
  for (const movieId of parked.keys()) if (!answered.has(movieId)) known.add(movieId);
  for (const movieId of expired) known.add(movieId);
  yield* known;
}

function exportOf(
  { day, movies }: NonNullable<CoverageInput['exported']>,
  { answered, inExport }: AnswerCounts,
): Coverage['export'] {
  return {
    exportedAt: new Date(startOfDay(day)),
    movies: movies.size,
    answered: inExport,
    missing: movies.size - inExport,
    share: movies.size === 0 ? null : inExport / movies.size,
    beyond: answered.size - inExport,
  };
}

/** Percentiles by the nearest rank: each is the age of a movie. */
function agesOf(ages: Float64Array): Coverage['answerAge'] {
  if (ages.length === 0) return null;
  ages.sort();
  const at = (share: number) => ages[Math.ceil(ages.length * share) - 1] ?? 0;
  return { p50Seconds: at(0.5), p90Seconds: at(0.9), p99Seconds: at(0.99), maxSeconds: at(1) };
}

/** An export is read each day; the newest is of yesterday until 08:00 UTC. */
const staleAfterDays = 3;

function adviceFor(
  coverage: Pick<Coverage, 'export' | 'expired' | 'neverFetched' | 'parked' | 'answerAge'> & {
    /** Movies in expired and neverFetched that are in dead letters. */
    readonly withLetter: number;
  },
  { now, reaskAfterMs }: CoverageInput,
): string[] {
  const { export: newest, expired, neverFetched, parked, withLetter, answerAge } = coverage;
  const ageDays = newest && Math.floor((now - newest.exportedAt.getTime()) / dayMs);
  const waiting = neverFetched - parked;
  const hasAnswers = answerAge !== null || expired > 0;
  const isTooOld = answerAge !== null && answerAge.maxSeconds * 1_000 > reaskAfterMs;
  return [
    newest === null
      ? 'no export has been read to its end, so movies that were never seen are not counted: run "produce export"'
      : null,
    ageDays !== null && ageDays >= staleAfterDays
      ? `the newest export is ${ageDays} days old (${utcDay(newest?.exportedAt.getTime() ?? 0)}): run "produce export"`
      : null,
    hasAnswers ? null : 'BRONZE has no answers: run "run --once"',
    hasAnswers && waiting > 0
      ? `${waiting} movies are not fetched: run "fetch" and "load"; "status" shows how many ids wait`
      : null,
    expired > 0
      ? `the newest answer of ${expired} movies is older than TMDB_RETENTION: run "produce export", "fetch" and "load"`
      : null,
    withLetter > 0 ? `${withLetter} movies are parked: run "dead-letters list" for the reasons` : null,
    isTooOld
      ? `the newest answer of some movies is older than TMDB_REASK_AFTER (${formatDuration(reaskAfterMs)}): run "produce export", "fetch" and "load"`
      : null,
  ].filter((text) => text !== null);
}
