import type { Offsets } from './topic.ts';

/** What a group has finished in one partition: every offset below `offset`, and beyond it those in `ahead`. */
export interface Commit {
  readonly offset: bigint;
  readonly ahead: ReadonlySet<bigint>;
  /** Exclusive. Set while records below it may have been finished before the group lost its commits; see `ConsumerRecord.mayBeFinished`. */
  readonly uncertainUntil?: bigint;
}

/** How far each partition is finished without a gap. */
export const offsetsOf = (commits: ReadonlyMap<number, Commit>): Offsets =>
  new Map([...commits].map(([partition, { offset }]) => [partition, offset]));

/** Commits of a topic's partitions, as kafkajs sends them. */
export const toKafka = (commits: ReadonlyMap<number, Commit>) =>
  [...commits].map(([partition, commit]) => {
    return { partition, offset: String(commit.offset), metadata: toMetadata(commit) };
  });

const prefix = 'ahead:';
/** First, so that an older version ignores the metadata instead of decoding a part of it wrongly. */
const uncertain = /^uncertain:(\d{1,19});/;
/** Kafka's default limit for metadata is 4,096 bytes; in base64, this many offsets beyond the first fit into it. */
const maxSpan = 16_000;

/**
 * Encodes the offsets done ahead as metadata of a commit: one bit each, beginning with the commit's own offset, in base64.
 * Leaves out offsets that are too far ahead: another member that resumes here handles their records again.
 */
export function toMetadata({ offset, ahead, uncertainUntil = 0n }: Commit): string {
  return (uncertainUntil > offset ? `uncertain:${uncertainUntil};` : '') + aheadToText(offset, ahead);
}

function aheadToText(offset: bigint, ahead: ReadonlySet<bigint>): string {
  const distances = [...ahead]
    .map((done) => Number(done - offset))
    .filter((distance) => distance >= 0 && distance < maxSpan);
  if (distances.length === 0) return '';
  const bits = Buffer.alloc(Math.floor(Math.max(...distances) / 8) + 1);
  for (const distance of distances) bits[distance >> 3] = (bits[distance >> 3] ?? 0) | (1 << (distance & 7));
  return prefix + bits.toString('base64');
}

/** Decodes a commit. Ignores metadata of other programs. */
export function toCommit(offset: bigint, metadata: string | null): Commit {
  const until = metadata === null ? undefined : uncertain.exec(metadata)?.[1];
  const ahead = aheadFromText(offset, metadata?.replace(uncertain, '') ?? '');
  return { offset, ahead, ...(until !== undefined && { uncertainUntil: BigInt(until) }) };
}

function aheadFromText(offset: bigint, text: string): Set<bigint> {
  const ahead = new Set<bigint>();
  if (text.startsWith(prefix)) {
    const bits = Buffer.from(text.slice(prefix.length), 'base64');
    bits.forEach((byte, index) => {
      for (let bit = 0; bit < 8; bit += 1) {
        if (byte & (1 << bit)) ahead.add(offset + BigInt(index * 8 + bit)); // mutant: fetcher.done-bit
      }
    });
  }
  return ahead;
}
