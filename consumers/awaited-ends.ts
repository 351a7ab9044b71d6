import type { Offsets } from '../kafka/topic.ts';
import type { TopicName } from '../schemas/topics.ts';

/** A partition whose end the ledger has not reached. */
export interface Unreached {
  readonly topic: TopicName;
  readonly partition: number;
  /** Exclusive. */
  readonly end: bigint;
  /** Where the ledger is; undefined if it has no position. */
  readonly position: bigint | undefined;
}

/**
 * Positions in the ledger as far as this process knows them, and the ends that it waits for. Positions belong to Kafka's id of a
 * topic, so those of a topic that had the same name before count for nothing.
 */
export class AwaitedEnds {
  readonly #topicIds = new Map<TopicName, string>();
  readonly #positions = new Map<string, bigint>();
  #ends: ReadonlyMap<TopicName, Offsets> | undefined;

  /** @param ends exclusive; from now on `isReached` can be true. */
  waitFor(ends: ReadonlyMap<TopicName, Offsets>): void {
    this.#ends = ends;
  }

  /** The topic has this id now. */
  meet(topic: TopicName, topicId: string): void {
    this.#topicIds.set(topic, topicId);
  }

  /** The ledger is at `next` or further: an answer that comes late takes nothing back. */
  note(topic: TopicName, topicId: string, partition: number, next: bigint): void {
    const key = `${topic}/${topicId}/${partition}`;
    if (next > (this.#positions.get(key) ?? -1n)) this.#positions.set(key, next);
  }

  position(topic: TopicName, partition: number): bigint | undefined {
    return this.#positions.get(`${topic}/${this.#topicIds.get(topic)}/${partition}`);
  }

  /** @param offsetOf what counts as reached. @default the ledger's position */
  isReached(
    offsetOf: (topic: TopicName, partition: number, end: bigint) => bigint | undefined = (topic, partition) =>
      this.position(topic, partition),
  ): boolean {
    if (!this.#ends) return false;
    return [...this.#ends].every(([topic, ends]) =>
      [...ends].every(([partition, end]) => (offsetOf(topic, partition, end) ?? 0n) >= end),
    );
  }

  unreached(): readonly Unreached[] {
    return [...(this.#ends ?? [])]
      .flatMap(([topic, ends]) =>
        [...ends].map(([partition, end]) => ({ topic, partition, end, position: this.position(topic, partition) })),
      )
      .filter(({ end, position = 0n }) => position < end);
  }
}
