import { GapError } from './errors.ts';
import type { MissingOffsets } from './fetched-offsets.ts';
import { partitionKey } from './topic.ts';

/** Missing offsets and their partition; a GapError names them as `topic/partition/first-last`. */
export interface Gap extends MissingOffsets {
  readonly topic: string;
  readonly partition: number;
}

/** Reads a gap as a GapError names it; null for any other text. */
export function parseGap(text: string): Gap | null {
  const [, topic, partition, first, last] = /^([\w.-]+)\/(\d+)\/(\d+)-(\d+)$/.exec(text) ?? [];
  if (topic === undefined || first === undefined || last === undefined) return null;
  return { topic, partition: Number(partition), first: BigInt(first), last: BigInt(last) };
}

const remedyOf = (gap: string): string =>
  `What they held has to be fetched again (replay ids). To continue without them, give the same command --accept-gap ${gap}`;

/** Records that retention or a person deleted before they were loaded. */
export function lostBeginning(topic: string, partition: number, { first, last }: MissingOffsets): GapError {
  const gap = `${partitionKey({ topic, partition })}/${first}-${last}`;
  const lost = `these ${last - first + 1n} offsets were never loaded and are gone from Kafka, by retention or by hand`;
  return new GapError(`${gap}: ${lost}. ${remedyOf(gap)}`);
}

/** Records that compaction removed. @param gap names the range from the first to the last of them. */
export const lostWithin = (gap: string, offsets: bigint): GapError =>
  new GapError(
    `${gap}: ${offsets} of these offsets were never loaded and are gone from the middle of the partition: the topic is, or was, ` +
      `compacted. End that first (topics --apply sets cleanup.policy=delete). ${remedyOf(gap)}, or a wider range for all that follow`,
  );

/** The topic ends before `position`, up to which BRONZE has been loaded. */
export const lostEnd = (topic: string, partition: number, position: bigint, end: bigint): GapError =>
  new GapError(
    `${topic}/${partition}/${end}-${position - 1n}: these offsets are in BRONZE, but the topic ends at ${end}: Kafka lost its last records, and now gives ` +
      `these offsets to other records. Delete the topic and create it again: then it is loaded from its first record`,
  );

/** A command waits for all offsets below `end`, and the topic ends before them. */
export const lostAwaited = (topic: string, partition: number, end: bigint, now: bigint): GapError =>
  new GapError(
    `${topic}/${partition}/${now}-${end - 1n}: this command waits for these offsets, but the topic ends at ${now}: it was deleted and created again, or ` +
      'Kafka lost its last records. Run the command again: it then processes the records that Kafka has now',
  );
