/** Offsets that a person wants parked without processing. */
export interface Skip {
  readonly topic: string;
  readonly partition: number;
  readonly first: bigint;
  readonly last: bigint;
  /** Batches with one of these offsets are not decoded at all; otherwise one record is decoded and not processed. */
  readonly isWholeBatch: boolean;
}

/** `TOPIC/PARTITION/OFFSET` names a record, `TOPIC/PARTITION/FIRST-LAST` all batches with these offsets; null for anything else. */
export function parseSkip(text: string): Skip | null {
  const [, topic, partition, first, last] = /^([\w.-]{1,249})\/(\d{1,9})\/(\d{1,18})(?:-(\d{1,18}))?$/.exec(text) ?? [];
  if (topic === undefined || first === undefined) return null;
  const skip = { topic, partition: Number(partition), first: BigInt(first), last: BigInt(last ?? first) };
  return skip.first > skip.last ? null : { ...skip, isWholeBatch: last !== undefined };
}

/** The skipped offsets of one partition. */
export class Skips {
  readonly #skips: readonly Skip[];

  constructor(skips: readonly Skip[], topic: string | null, partition: number) {
    this.#skips = skips.filter((skip) => skip.topic === topic && skip.partition === partition);
  }

  get areNone(): boolean {
    return this.#skips.length === 0;
  }

  hasRecord(offset: bigint): boolean {
    return this.#skips.some(({ isWholeBatch, first }) => !isWholeBatch && first === offset);
  }

  /** Whether a batch with these offsets is skipped as a whole. */
  hasBatch(first: bigint, last: bigint): boolean {
    return this.#skips.some((skip) => skip.isWholeBatch && skip.first <= last && skip.last >= first);
  }
}
