import type { ReadTopic, Sink } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import { startOfDay } from '../runtime/days.ts';
import { decodeOrNull } from '../schemas/codec.ts';
import { producerStateCodec } from '../schemas/codecs.ts';
import { MovieSet } from '../schemas/movie-set.ts';
import type { ProducerState, StatefulProducer } from '../schemas/records.ts';

/** The ids of a daily export that was read to its end. */
export interface ExportedMovies {
  /** The UTC day of the export, `YYYY-MM-DD`. */
  readonly day: string;
  readonly movies: MovieSet;
}

const keyOf = (producer: StatefulProducer): string => `${producer}.movie-ids`;

/** Records the ids of an export, as one record: a reader never sees a part of it. */
export const saveExported = (
  state: Sink<ProducerState>,
  clock: Clock,
  producer: StatefulProducer,
  { day, movies }: ExportedMovies,
): Promise<void> => {
  const updatedAt = new Date(clock.now());
  const value = { producer, day, lines: movies.size, isComplete: true, updatedAt, movieIds: movies.encode() };
  return state.publish([{ key: keyOf(producer), value }]);
};

/**
 * The ids of the newest export that each producer of exports has read to its end. A record about a day that has not begun, or without a set,
 * is ignored. @param now ms since the epoch. @returns none for a producer before its first export.
 */
export async function readExported(
  readState: ReadTopic,
  now: number,
): Promise<ReadonlyMap<StatefulProducer, ExportedMovies>> {
  const newest = new Map<StatefulProducer, ExportedMovies>();
  await readState((record) => {
    const state = decodeOrNull(producerStateCodec, record.value);
    if (!state?.movieIds || record.key?.toString() !== keyOf(state.producer) || !(startOfDay(state.day) <= now)) return;
    const { producer, day } = state;
    if (day < (newest.get(producer)?.day ?? '')) return; // mutant: discovery.newest-export
    const movies = decodeOrNull({ decode: MovieSet.decode }, state.movieIds);
    if (movies) newest.set(producer, { day, movies });
  });
  return newest;
}
