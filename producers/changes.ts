import { z } from 'zod';
import type { Sink } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import { dayMs, startOfDay, utcDay } from '../runtime/days.ts';
import type { Logger } from '../runtime/logger.ts';
import { count, time, type ValueOf } from '../runtime/shape.ts';
import type { MovieId, ProducerState } from '../schemas/records.ts';
import { lastPage, type MoviePage } from '../tmdb/answers.ts';
import type { TmdbClient } from '../tmdb/tmdb-client.ts';
import { idRecord } from './id-record.ts';
import type { KnownMovies } from './known-movies.ts';
import { saveProgress } from './producer-state.ts';

/** How long (ms) after its end a day is read: its list is complete by then. */
const settleMs = 3_600_000;

export interface ChangesPorts {
  readonly tmdb: Pick<TmdbClient, 'changes'>;
  readonly movieIds: Sink<MovieId>;
  readonly state: Sink<ProducerState>;
  readonly known: Pick<KnownMovies, 'get'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onProgress?: (walk: ChangesWalk & { readonly daysTotal: number }) => void;
}

/** What a walk over the lists of changes found. */
export const changesWalkShape = z.object({
  days: count.describe('UTC days that were read to their end'),
  lastDayEndedAt: time.nullable().describe('end of the newest of them; null if no new day was complete'),
  pagesRead: count.describe('pages that were read, the empty one at the end of each day included'),
  itemsSkipped: count.describe('items that name no movie, and adult movies unless TMDB_ADULT is true'),
  found: count.describe('distinct ids on the pages that were read'),
  published: count.describe('those that were published; the others were requested after the end of their day'),
});
export type ChangesWalk = ValueOf<typeof changesWalkShape>;

/**
 * The days that are due: each complete UTC day after `lastDay`, the oldest first. Without it, only the newest complete day.
 * @param lastDay the newest day that was read, `YYYY-MM-DD`. @param now ms since the epoch.
 */
export function daysDue(lastDay: string | null, now: number): string[] {
  const newest = startOfDay(utcDay(now - settleMs)) - dayMs; // mutant: discovery.day-settled
  const days = [];
  // mutant: discovery.each-day
  for (let day = lastDay === null ? newest : startOfDay(lastDay) + dayMs; day <= newest; day += dayMs) {
    days.push(utcDay(day));
  }
  return days;
}

/**
 * Publishes the movies that changed on each of `days`. A day is read page by page until one is empty, because TMDb's totals are wrong.
 * When all its ids are in Kafka, its day is recorded: a walk that fails or is killed reads that day again. Ids that were requested after the end of
 * their day are skipped, so nothing is requested twice for one change.
 * @throws the errors of TmdbClient, UnusableAnswerError included: a day without one of its pages is not complete.
 */
export async function produceChanges(
  ports: ChangesPorts,
  { days, withAdult }: { readonly days: readonly string[]; readonly withAdult: boolean },
  signal: AbortSignal,
): Promise<ChangesWalk> {
  const { clock, state } = ports;
  const walk = { days: 0, lastDayEndedAt: null as Date | null, pagesRead: 0, itemsSkipped: 0, found: 0, published: 0 };
  const found = new Set<number>();
  /** Published by this walk, which is after the end of each of its days. */
  const published = new Set<number>();
  // mutant: discovery.change-asked
  const isDue = (movieId: number, dayEnd: number): boolean =>
    !published.has(movieId) && (ports.known.get(movieId) ?? Number.NEGATIVE_INFINITY) < dayEnd;
  for (const day of days) {
    for await (const { page, parsed } of pagesOf(ports, day, signal)) {
      const usable = parsed.movies.filter(({ isAdult }) => withAdult || !isAdult);
      for (const { movieId } of usable) found.add(movieId);
      const due = usable.filter(({ movieId }) => isDue(movieId, startOfDay(day) + dayMs));
      await publish(ports, page, due);
      for (const { movieId } of due) published.add(movieId);
      walk.pagesRead += 1;
      walk.itemsSkipped += parsed.listed - usable.length;
      walk.found = found.size;
      walk.published = published.size;
      ports.onProgress?.({ ...walk, daysTotal: days.length });
    }
    await saveProgress(state, clock, 'changes', { day, lines: 0, isComplete: true }); // mutant: discovery.day-recorded
    walk.days += 1;
    walk.lastDayEndedAt = new Date(startOfDay(day) + dayMs);
  }
  return walk;
}

interface Page {
  readonly page: number;
  readonly parsed: MoviePage;
}

/** The pages of a day, to the first empty one. */
async function* pagesOf({ tmdb, log }: ChangesPorts, day: string, signal: AbortSignal): AsyncGenerator<Page> {
  for (let page = 1; page <= lastPage; page += 1) {
    const { parsed } = await tmdb.changes(day, page, signal);
    // crash point: producer.changes-read
    yield { page, parsed };
    if (parsed.listed === 0) return; // mutant: discovery.until-empty
  }
  log.warn({ day, lastPage }, 'TMDb lists more changes than it serves; the refresh by age finds the others');
}

async function publish({ movieIds, clock }: ChangesPorts, page: number, due: MoviePage['movies']): Promise<void> {
  if (due.length === 0) return;
  const requestedAt = new Date(clock.now());
  const records = new Map(
    due.map(({ movieId }) => [movieId, idRecord({ movieId, reason: 'changed', page, rank: null, requestedAt })]),
  );
  await movieIds.publish([...records.values()]);
}
