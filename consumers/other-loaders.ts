import { lostAwaited } from '../kafka/gap.ts';
import type { AwaitedPartition } from '../kafka/partition-owners.ts';
import type { Offsets } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import type { TopicName } from '../schemas/topics.ts';
import type { AwaitedEnds, Unreached } from './awaited-ends.ts';

/** What a loader that waits for ends has to know beside its own work, for the partitions that others have. */
export interface SharedTopics {
  /** The topic now. @throws KafkaError when Kafka cannot be asked. */
  look(topic: TopicName): Promise<TopicNow>;
  /**
   * Who has which partition, for a person. @throws KafkaError when Kafka cannot be asked, PreconditionError when one of them
   * loads into another warehouse: what it loads would never be seen here.
   */
  owners(topic: TopicName): Promise<ReadonlyMap<number, string>>;
  /** Told at every look what is still waited for that others have. */
  readonly onWaiting: (partitions: readonly AwaitedPartition[]) => void;
}

interface TopicNow {
  readonly topicId: string;
  /** Per partition the first offset that is there, and the one after the last. */
  readonly low: Offsets;
  readonly high: Offsets;
}

interface Watch {
  readonly shared: SharedTopics;
  readonly clock: Clock;
  /** Ends the watch. */
  readonly isOver: AbortSignal;
  readonly isOurs: (topic: TopicName, partition: number) => boolean;
  /** The ledger's positions of this topic. */
  readonly positions: (topic: TopicName, topicId: string) => Promise<ReadonlyMap<number, bigint>>;
  /** Called after each look, which may have found that all ends are reached. */
  readonly onLooked: () => void;
}

const everyMs = 1_000;

/**
 * Looks at what the ledger and Kafka say of the awaited ends until `isOver`: other loaders may have what this one waits for.
 * @throws GapError when a topic ends before them, or what `shared` and `positions` throw.
 */
export async function watchOthers(awaited: AwaitedEnds, watch: Watch): Promise<void> {
  const { shared, clock, isOver, onLooked } = watch;
  while (!isOver.aborted) {
    for (const [topic, unreached] of Map.groupBy(awaited.unreached(), (one) => one.topic)) {
      await lookAt(awaited, watch, topic, unreached);
    }
    onLooked();
    if (!isOver.aborted) shared.onWaiting(await othersHave(awaited, watch));
    await clock.sleep(everyMs, isOver).catch(() => {});
  }
}

async function lookAt(
  awaited: AwaitedEnds,
  { shared, isOurs, positions }: Watch,
  topic: TopicName,
  unreached: readonly Unreached[],
): Promise<void> {
  const { topicId, low, high } = await shared.look(topic);
  awaited.meet(topic, topicId);
  const areOurs = unreached.every(({ partition }) => isOurs(topic, partition));
  if (!areOurs) {
    for (const [partition, next] of await positions(topic, topicId)) awaited.note(topic, topicId, partition, next);
  }
  for (const { partition, end } of unreached) {
    const [first, last] = [low.get(partition) ?? 0n, high.get(partition) ?? 0n];
    const position = awaited.position(topic, partition);
    // Never loaded, and all of it is gone by retention: nothing of it will come.
    if (position === undefined && first >= end) awaited.note(topic, topicId, partition, first);
    else if (last < end && (position ?? 0n) < end) throw lostAwaited(topic, partition, end, last);
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
