import type { Offsets } from '../kafka/topic.ts';

/** A partition whose awaited end is beyond the ledger's position. */
export interface Unreached {
  readonly topic: string;
  readonly partition: number;
  /** Exclusive. */
  readonly end: bigint;
  /** The ledger's position; undefined if there is none. */
  readonly position: bigint | undefined;
}

/**
 * The ledger's positions as far as this process knows them, and the ends for which it waits. Positions belong to Kafka's id of a
 * topic: those of an earlier topic with the same name do not count.
 */
export class AwaitedEnds {
  readonly #topicIds = new Map<string, string>();
  readonly #positions = new Map<string, bigint>();
  #ends: ReadonlyMap<string, Offsets> | undefined;

  /** @param ends exclusive; after this call `isReached` can become true. */
  waitFor(ends: ReadonlyMap<string, Offsets>): void {
    this.#ends = ends;
  }

  /** The topic has this id now. */
  meet(topic: string, topicId: string): void {
    this.#topicIds.set(topic, topicId);
  }

  /** The ledger is at `next` or beyond: a late answer never lowers the position. */
  note(topic: string, topicId: string, partition: number, next: bigint): void {
    const key = `${topic}/${topicId}/${partition}`;
    if (next > (this.#positions.get(key) ?? -1n)) this.#positions.set(key, next);
  }

  position(topic: string, partition: number): bigint | undefined {
    return this.#positions.get(`${topic}/${this.#topicIds.get(topic)}/${partition}`);
  }

  /** @param offsetOf the position that counts. @default the ledger's position */
  isReached(
    offsetOf: (topic: string, partition: number, end: bigint) => bigint | undefined = (topic, partition) =>
      this.position(topic, partition),
  ): boolean {
    if (!this.#ends) return false;
    return [...this.#ends].every(
      ([topic, ends]) => [...ends].every(([partition, end]) => (offsetOf(topic, partition, end) ?? 0n) >= end), // mutant: loader.end-reached
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
