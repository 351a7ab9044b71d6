import { createRequire } from 'node:module';
import type { Batch } from 'kafkajs';
import type { FetchedMessage } from './batches/record-batch.ts';

/** What a batch of kafkajs has beyond its types. */
export interface FetchedOffsets extends Batch {
  /** The offset that was asked for. */
  readonly fetchedOffset: string;
  /** Every record that was fetched, in order: those of aborted transactions and the markers of transactions included. */
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
 * kafkajs 2.2.4 hands out no batch in which all records are markers or of aborted transactions: it tells only that it has
 * moved. Here it hands them out as batches without messages, so that what was in them can be seen. Only the loop that hands
 * out batches asks these two questions.
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
 * The offsets of a batch that Kafka does not have, from the one that was asked for up to `end` (exclusive). Kafka numbers
 * records without a gap, markers included, and `cleanup.policy=delete` takes them from the beginning alone: only compaction
 * leaves such holes.
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
    // A batch that cannot be read is one message, whose offset is the batch's last.
    if (!isAbsent) pass(unusable?.firstOffset ?? last, last);
  }
  pass(end, end);
  return missing;
}
