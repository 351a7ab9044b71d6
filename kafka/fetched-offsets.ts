import { createRequire } from 'node:module';
import type { Batch } from 'kafkajs';
import type { FetchedMessage } from './batches/fetched-message.ts';

/** Fields of a kafkajs batch that its types do not declare. */
export interface FetchedOffsets extends Batch {
  /** The requested offset. */
  readonly fetchedOffset: string;
  /** Every fetched record, in order, including records of aborted transactions and transaction markers. */
  readonly messagesWithinOffset: readonly Pick<FetchedMessage, 'offset' | 'isAbsent' | 'unusable'>[];
}

/** Consecutive offsets, both ends included. */
export interface OffsetRange {
  readonly first: bigint;
  readonly last: bigint;
}

interface BatchPrototype {
  readonly rawMessages: readonly unknown[];
  isEmpty(): boolean;
  isEmptyDueToFiltering(): boolean;
}

/**
 * kafkajs 2.2.4 does not deliver a batch that contains only markers or aborted records; it only moves its position. This patch
 * delivers it as a batch without messages, so that its offsets can be counted. Only the loop that delivers batches calls
 * these two methods.
 */
export function handOutFilteredBatches(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/consumer/batch') as { prototype: BatchPrototype };
  prototype.isEmptyDueToFiltering = () => false;
  prototype.isEmpty = function (this: BatchPrototype) {
    return this.rawMessages.length === 0;
  };
}

/**
 * The offsets that Kafka no longer has, from the requested one up to `end` (exclusive). Kafka numbers records and markers
 * without a gap, and `cleanup.policy=delete` removes records only from the beginning: only compaction leaves such holes.
 */
export function missingOffsets({ fetchedOffset, messagesWithinOffset }: FetchedOffsets, end: bigint): OffsetRange[] {
  let next = BigInt(fetchedOffset);
  const missing: OffsetRange[] = [];
  const pass = (first: bigint, last: bigint) => {
    if (first > next) missing.push({ first: next, last: first - 1n });
    next = last + 1n;
  };
  for (const { offset, isAbsent, unusable } of messagesWithinOffset) {
    const last = BigInt(offset);
    // An unreadable batch is one message, whose offset is the last one of the batch.
    if (!isAbsent) pass(unusable?.firstOffset ?? last, last);
  }
  pass(end, end);
  return missing;
}
