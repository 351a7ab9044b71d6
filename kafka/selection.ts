import type { KafkaAdmin } from './cluster-admin.ts';
import type { ConsumerRecord } from './topic.ts';

/** Which records of a topic are meant: those for which all holds that is given; without anything, every record. */
export interface Selection {
  /** Milliseconds since the epoch: records written at that time or later. */
  readonly since?: number;
  /** Milliseconds since the epoch: records written before that time. */
  readonly until?: number;
  readonly fromOffsets?: FromOffsets;
  /** Records whose key is one of these movies. */
  readonly movies?: ReadonlySet<number>;
}

/** A partition that has no offset of its own here begins at `others`; without that, nothing of it is meant. */
export interface FromOffsets {
  readonly partitions: ReadonlyMap<number, bigint>;
  readonly others?: bigint;
}

/** Offsets `[from, end)` of a partition. */
export interface OffsetRange {
  readonly from: bigint;
  readonly end: bigint;
}

/**
 * How far (ms) a record's timestamp may be behind that of a record before it: it is the writer's clock at its first attempt.
 */
const disorderMs = 3_600_000;

/**
 * Where the records of a selection lie, of those that are in the topic now; partitions without any are absent. Others
 * lie between them, so ask `isSelected` of each. @throws KafkaError when Kafka cannot be asked.
 */
export async function rangesOf(
  admin: KafkaAdmin,
  topic: string,
  selection: Selection,
): Promise<ReadonlyMap<number, OffsetRange>> {
  const { since, until } = selection;
  const { low, high } = await admin.topicOffsets(topic);
  const atSince = since === undefined ? low : await admin.offsetsAt(topic, since);
  const pastUntil = until === undefined ? high : await admin.offsetsAt(topic, until + disorderMs);
  const ranges = new Map<number, OffsetRange>();
  for (const [partition, last] of high) {
    const first = firstOffsetOf(selection, partition);
    if (first === null) continue;
    const from = largest(first, low.get(partition) ?? 0n, atSince.get(partition) ?? 0n);
    const end = smallest(last, pastUntil.get(partition) ?? last);
    if (from < end) ranges.set(partition, { from, end });
  }
  return ranges;
}

/** Whether the record is one of those that are meant. */
export function isSelected(selection: Selection, record: ConsumerRecord): boolean {
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY, movies } = selection;
  const first = firstOffsetOf(selection, record.partition);
  return (
    first !== null &&
    record.offset >= first &&
    record.timestamp >= since &&
    record.timestamp < until &&
    (movies === undefined || movies.has(movieIdOf(record.key) ?? 0))
  );
}

/** The movie that a record is keyed by; null when its key is none. */
export function movieIdOf(key: Buffer | string | null): number | null {
  const movieId = /^[1-9]\d{0,9}$/.test(String(key)) ? Number(key) : Number.POSITIVE_INFINITY;
  return movieId <= maxMovieId ? movieId : null;
}

/** What the wire format has room for. */
const maxMovieId = 2 ** 31 - 1;

/** null: nothing of this partition is meant. */
function firstOffsetOf({ fromOffsets }: Selection, partition: number): bigint | null {
  if (!fromOffsets) return 0n;
  return fromOffsets.partitions.get(partition) ?? fromOffsets.others ?? null;
}

/** Math.max takes no bigint. */
const largest = (...values: bigint[]): bigint => values.toSorted(ascending).at(-1) ?? 0n;
const smallest = (...values: bigint[]): bigint => values.toSorted(ascending)[0] ?? 0n;
const ascending = (a: bigint, b: bigint): number => Number(a - b);
