import type { FetchedBatchFields } from './kafkajs-internals.ts';

/** The fields of a fetched batch that describe its offsets. */
export type FetchedOffsets = Pick<FetchedBatchFields, 'fetchedOffset' | 'messagesWithinOffset'>;

/** Consecutive offsets of a partition that may be missing, both ends included. */
export interface MissingOffsets {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * The offsets that Kafka no longer has, from the requested one up to `end` (exclusive). Kafka numbers records and markers
 * without a gap, and `cleanup.policy=delete` removes records only from the beginning: only compaction leaves such holes.
 */
export function missingOffsets({ fetchedOffset, messagesWithinOffset }: FetchedOffsets, end: bigint): MissingOffsets[] {
  let next = BigInt(fetchedOffset);
  const missing: MissingOffsets[] = [];
  const pass = (first: bigint, last: bigint) => {
    if (first > next) missing.push({ first: next, last: first - 1n });
    next = last + 1n;
  };
  for (const { offset, isAbsent, unusable } of messagesWithinOffset) {
    const last = BigInt(offset);
    // An unreadable batch is one message, whose offset is the last one of the batch.
    if (!isAbsent) pass(unusable?.firstOffset ?? last, last); // mutant: source.absent-offset
  }
  pass(end, end);
  return missing;
}
