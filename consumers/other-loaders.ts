import { lostAwaited } from '../kafka/gap.ts';
import type { AwaitedPartition, Offsets } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import type { AwaitedEnds, Unreached } from './awaited-ends.ts';

/** What a loader that waits for ends must know about partitions of other loaders. */
export interface SharedTopics {
  /** The topic's present state. @throws KafkaError if Kafka cannot be reached. */
  look(topic: string): Promise<TopicNow>;
  /**
   * The owner of each partition, for messages. @throws KafkaError if Kafka cannot be reached, PreconditionError if one of them
   * loads into another warehouse: this loader would never see those rows.
   */
  owners(topic: string): Promise<ReadonlyMap<number, string>>;
  /** Called after each check with the partitions of other loaders that are still awaited. */
  readonly onWaiting: (partitions: readonly AwaitedPartition[]) => void;
}

interface TopicNow {
  readonly topicId: string;
  /** For each partition the first available offset, and the one after the last. */
  readonly low: Offsets;
  readonly high: Offsets;
}

interface Watch {
  readonly shared: SharedTopics;
  readonly clock: Clock;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  readonly isOurs: (topic: string, partition: number) => boolean;
  /** The ledger's positions of this topic. */
  readonly positions: (topic: string, topicId: string) => Promise<ReadonlyMap<number, bigint>>;
  /** Called after each check, which may have found that all ends are reached. */
  readonly onLooked: () => void;
}

const everyMs = 1_000;

/**
 * Checks the awaited ends in the ledger and in Kafka until `signal` aborts: other loaders may have the partitions for which this one waits.
 * @throws GapError if a topic ends before them, or the errors of `shared` and `positions`.
 */
export async function watchOthers(awaited: AwaitedEnds, watch: Watch): Promise<void> {
  const { shared, clock, signal, onLooked } = watch;
  while (!signal.aborted) {
    for (const [topic, unreached] of Map.groupBy(awaited.unreached(), (one) => one.topic)) {
      await lookAt(awaited, watch, topic, unreached);
    }
    onLooked();
    if (!signal.aborted) shared.onWaiting(await othersHave(awaited, watch));
    await clock.sleep(everyMs, signal).catch(() => {});
  }
}

async function lookAt(
  awaited: AwaitedEnds,
  { shared, isOurs, positions }: Watch,
  topic: string,
  unreached: readonly Unreached[],
): Promise<void> {
  const { topicId, low, high } = await shared.look(topic);
  awaited.meet(topic, topicId);
  // The position of a partition that is ours is not known before the ledger has answered.
  const areKnown = unreached.every(
    ({ partition }) => isOurs(topic, partition) && awaited.position(topic, partition) !== undefined,
  );
  if (!areKnown) {
    for (const [partition, next] of await positions(topic, topicId)) awaited.note(topic, topicId, partition, next); // mutant: loader.loaded-by-others
  }
  for (const { partition, end } of unreached) {
    const [first, last] = [low.get(partition) ?? 0n, high.get(partition) ?? 0n];
    const position = awaited.position(topic, partition);
    // Never loaded, and retention has removed all of it: no record will come.
    if (position === undefined && first >= end) awaited.note(topic, topicId, partition, first);
    else if (last < end && (position ?? 0n) < end) throw lostAwaited(topic, partition, end, last); // mutant: loader.lost-end
  }
}

async function othersHave(awaited: AwaitedEnds, { shared, isOurs }: Watch): Promise<readonly AwaitedPartition[]> {
  const partitions: AwaitedPartition[] = [];
  const others = awaited.unreached().filter(({ topic, partition }) => !isOurs(topic, partition));
  for (const [topic, ofTopic] of Map.groupBy(others, (one) => one.topic)) {
    const owners = await shared.owners(topic);
    for (const { partition, end, position } of ofTopic) {
      partitions.push({ topic, partition, left: end - (position ?? 0n), owner: owners.get(partition) ?? null });
    }
  }
  return partitions;
}
