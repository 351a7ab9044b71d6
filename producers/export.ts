import { z } from 'zod';
import { publishInGroups } from '../kafka/publish-in-groups.ts';
import type { Sink } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import { dayMs, startOfDay, utcDay } from '../runtime/days.ts';
import { count, time, type ValueOf } from '../runtime/shape.ts';
import { MovieSet } from '../schemas/movie-set.ts';
import type { MovieId, ProducerState } from '../schemas/records.ts';
import { UnusableAnswerError } from '../tmdb/errors.ts';
import type { ExportBatch } from '../tmdb/export-batches.ts';
import type { MovieExports } from '../tmdb/movie-export.ts';
import { type ExportedMovies, saveExported } from './exported-movies.ts';
import { idRecord } from './id-record.ts';
import type { KnownMovies } from './known-movies.ts';
import { type Progress, saveProgress } from './producer-state.ts';

/** Ids that are published at a time. */
export const batchLines = 500;

export interface ExportPorts {
  readonly exports: Pick<MovieExports, 'open'>;
  readonly movieIds: Sink<MovieId>;
  readonly state: Sink<ProducerState>;
  readonly known: Pick<KnownMovies, 'get'>;
  readonly clock: Clock;
  readonly onProgress?: (lines: number) => void;
}

export interface ExportOptions {
  /** Whether to read the export of adult movies instead of the one with all others. */
  readonly isAdult: boolean;
  /** From `readProgress`; null if no export was read. */
  readonly progress: Progress | null;
  /** From `readExported`; null if no export was read to its end. */
  readonly previous: ExportedMovies | null;
  /** The largest number of movies that are asked for because they are no longer in the export. */
  readonly mostAbsent: number;
}

/** What was found in a daily export of ids. */
export const exportWalkShape = z.object({
  exportedAt: time.describe('beginning of the UTC day of the export'),
  lines: count.describe('lines that were read; 0 if the export was read before'),
  linesSkipped: count.describe('lines among them that name no movie'),
  published: count.describe('ids that were published: no producer has requested them before'),
  absent: count.describe(
    'movies that were published again, because they were in the export before this one and are not in it',
  ),
});
export type ExportWalk = ValueOf<typeof exportWalkShape>;

/**
 * Publishes the ids of the newest daily export that were never requested. They are published in batches, each followed by a
 * record of the progress: after a failure or a kill, the next call continues in the same file. At its end, movies that only the export before it
 * had are published again, and the set of its ids is recorded. TMDb may still have such a movie, so it stays known.
 * @throws UnusableAnswerError if neither today's nor yesterday's file exists, or if it cannot be read; UntrustedServerError; the reason of the signal.
 */
export async function produceExport(
  ports: ExportPorts,
  options: ExportOptions,
  signal: AbortSignal,
): Promise<ExportWalk> {
  const { state, clock } = ports;
  const producer = options.isAdult ? 'export-adult' : 'export';
  const { day, from, batches } = await openNewest(ports, options, signal);
  const walk = { exportedAt: new Date(startOfDay(day)), lines: 0, linesSkipped: 0, published: 0, absent: 0 };
  if (batches === null) return walk;
  const exported = new MovieSet();
  let lines = from;
  for await (const batch of batches) {
    for (const movieId of batch.movieIds) exported.add(movieId); // mutant: discovery.export-set
    // An earlier run has published these.
    if (batch.lines <= from) continue; // mutant: discovery.export-continues
    walk.published += await publishUnknown(ports, batch); // mutant: discovery.export-published
    // crash point: producer.export-published
    await saveProgress(state, clock, producer, { day, lines: batch.lines, isComplete: false });
    lines = batch.lines;
    walk.linesSkipped += batch.unusable;
    walk.lines = lines - from;
    ports.onProgress?.(lines);
    signal.throwIfAborted();
  }
  walk.absent = await publishAbsent(ports, options, { day, movies: exported }, signal);
  await saveExported(state, clock, producer, { day, movies: exported });
  await saveProgress(state, clock, producer, { day, lines, isComplete: true });
  return walk;
}

/** Today's export, or yesterday's if today's is not ready. `batches` is null if it was read to its end. */
async function openNewest({ exports, clock }: ExportPorts, { isAdult, progress }: ExportOptions, signal: AbortSignal) {
  for (const day of [utcDay(clock.now()), utcDay(clock.now() - dayMs)]) {
    const isOfDay = progress?.day === day;
    if (isOfDay && progress.isComplete) return { day, from: progress.lines, batches: null };
    const from = isOfDay ? progress.lines : 0;
    const batches = await exports.open({ day, isAdult, batchLines }, signal);
    if (batches) return { day, from, batches };
  }
  throw new UnusableAnswerError('unexpected_status', 'TMDb has neither an export of today nor one of yesterday', true);
}

/**
 * Asks for the movies that the export before had, unless they were requested since the day of this one began. A kill before the set is
 * recorded asks a second time.
 */
async function publishAbsent(
  { movieIds, known, clock }: ExportPorts,
  { previous, mostAbsent }: ExportOptions,
  { day, movies }: ExportedMovies,
  signal: AbortSignal,
): Promise<number> {
  if (previous === null || previous.day >= day) return 0;
  const since = startOfDay(day);
  // mutant: discovery.absent
  const absent = Iterator.from(previous.movies)
    .filter((movieId) => !movies.has(movieId) && (known.get(movieId) ?? 0) < since)
    .take(mostAbsent)
    .toArray();
  await publishInGroups(movieIds, absent, (group) => recordsFor(group, clock), { signal });
  return absent.length;
}

/** Requests that are made now. */
function recordsFor(ids: Iterable<number>, clock: Clock) {
  const requestedAt = new Date(clock.now());
  return Array.from(ids, (movieId) => idRecord({ movieId, reason: 'export', page: null, rank: null, requestedAt }));
}

async function publishUnknown({ movieIds, known, clock }: ExportPorts, batch: ExportBatch): Promise<number> {
  // mutant: discovery.export-unknown
  const unknown = new Set(batch.movieIds.filter((movieId) => known.get(movieId) === undefined));
  if (unknown.size === 0) return 0;
  await movieIds.publish(recordsFor(unknown, clock));
  return unknown.size;
}
