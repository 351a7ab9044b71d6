import type { ReadTopic, Sink } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import { startOfDay } from '../runtime/days.ts';
import { decodeOrNull } from '../schemas/codec.ts';
import { producerStateCodec } from '../schemas/codecs.ts';
import type { ProducerState, StatefulProducer } from '../schemas/records.ts';

/** How far a producer is. */
export type Progress = Pick<ProducerState, 'day' | 'lines' | 'isComplete'>;

/**
 * Reads how far a producer is: the furthest of its records, because two processes may have written them. A record about a day
 * that has not begun is ignored, because it would stop the producer until then. So is a record that was written later than now: its
 * producer's clock was ahead, so it read lists of days that were not over. @param now ms since the epoch. @returns null if it never ran.
 */
export async function readProgress(
  readState: ReadTopic,
  producer: StatefulProducer,
  now: number,
): Promise<Progress | null> {
  let furthest: Progress | null = null;
  await readState((record) => {
    const state = decodeOrNull(producerStateCodec, record.value);
    if (state?.producer !== producer || record.key?.toString() !== producer) return;
    const { day, lines, isComplete } = state;
    const isPossible = startOfDay(day) <= now && state.updatedAt.getTime() <= now && lines >= 0; // mutant: discovery.progress-of-future
    if (isPossible && (furthest === null || isFurther(state, furthest))) furthest = { day, lines, isComplete };
  });
  return furthest;
}

function isFurther(a: Progress, b: Progress): boolean {
  if (a.day !== b.day) return a.day > b.day; // mutant: discovery.furthest-progress
  return a.isComplete === b.isComplete ? a.lines > b.lines : a.isComplete;
}

/** Records how far a producer is, after the ids up to there are in Kafka. */
export const saveProgress = (
  state: Sink<ProducerState>,
  clock: Clock,
  producer: StatefulProducer,
  progress: Progress,
): Promise<void> => {
  const { day, lines, isComplete } = progress;
  return state.publish([
    { key: producer, value: { producer, day, lines, isComplete, updatedAt: new Date(clock.now()), movieIds: null } },
  ]);
};
