import { publishInGroups } from '../kafka/publish-in-groups.ts';
import type { Sink } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import type { MovieTimes } from '../schemas/movie-times.ts';
import type { MovieId } from '../schemas/records.ts';
import { idRecord } from './id-record.ts';

export interface AgedPorts {
  readonly movieIds: Sink<MovieId>;
  /** Gets the new requests as well, so that no other reason publishes a movie a second time in the same run. */
  readonly known: Pick<MovieTimes, 'add' | typeof Symbol.iterator>;
  readonly clock: Clock;
}

export interface AgedOptions {
  /** Each movie is requested again before its newest request is this old (ms). */
  readonly reaskAfterMs: number;
  /** The largest number of movies that one call publishes. */
  readonly most: number;
}

/**
 * Publishes the known movies whose newest request is old, the oldest first. Each movie is due at its own age, between half of
 * `reaskAfterMs` and all of it. With one age for all, a catalogue that was fetched within four days would be due within four days.
 * @returns how many were published. @throws KafkaError, or the reason of the signal.
 */
export async function produceAged(
  { movieIds, known, clock }: AgedPorts,
  { reaskAfterMs, most }: AgedOptions,
  signal: AbortSignal,
): Promise<number> {
  const now = clock.now();
  // Without a copy of all known movies, which are more than a million.
  // mutant: discovery.aged
  const due = Iterator.from(known)
    .filter(([movieId, requestedAt]) => now - requestedAt >= dueAfterMs(movieId, reaskAfterMs))
    .toArray()
    .sort(([, a], [, b]) => a - b)
    .slice(0, most);
  const recordsOf = (group: readonly (typeof due)[number][]) => {
    const requestedAt = new Date(clock.now());
    for (const [movieId] of group) known.add(movieId, requestedAt.getTime());
    return group.map(([movieId]) => idRecord({ movieId, reason: 'aged', page: null, rank: null, requestedAt }));
  };
  await publishInGroups(movieIds, due, recordsOf, { signal });
  return due.length;
}

/** The age (ms) at which a movie is due. A hash of the id spreads the movies evenly from half of `reaskAfterMs` to all of it. */
function dueAfterMs(movieId: number, reaskAfterMs: number): number {
  const share = (Math.imul(movieId, 0x9e3779b1) >>> 0) / 2 ** 32;
  return reaskAfterMs * (0.5 + share / 2);
}
