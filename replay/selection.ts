import type { KafkaAdmin } from '../kafka/cluster-admin.ts';
import type { ConsumerRecord } from '../kafka/topic.ts';
import { movieIdOf } from '../schemas/record-rules.ts';

/** Selects the records of a topic that match every given condition; without conditions, all records. */
export interface Selection {
  /** Milliseconds since the epoch: records written at that time or later. */
  readonly since?: number;
  /** Milliseconds since the epoch: records written before that time. */
  readonly until?: number;
  readonly fromOffsets?: FromOffsets;
  /** Records whose key is one of these movies. */
  readonly movies?: ReadonlySet<number>;
}

/** A partition without its own offset begins at `others`; if that is absent, the partition is not selected. */
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
 * The ranges of offsets that contain the selected records, of those in the topic now; partitions without any are absent. The
 * ranges also contain other records, so check each with `isSelected`. @throws KafkaError if Kafka is out of reach.
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

/** Whether the record is of one of the selected movies, whatever its time and offset. */
export const isOfSelectedMovie = ({ movies }: Selection, { key }: ConsumerRecord): boolean =>
  movies === undefined || movies.has(movieIdOf(key) ?? Number.NaN);

/** Whether the record matches the selection. */
export function isSelected(selection: Selection, record: ConsumerRecord): boolean {
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = selection;
  const first = firstOffsetOf(selection, record.partition);
  return (
    first !== null &&
    record.offset >= first &&
    record.timestamp >= since &&
    record.timestamp < until &&
    isOfSelectedMovie(selection, record)
  );
}

/** null: the partition is not selected. */
function firstOffsetOf({ fromOffsets }: Selection, partition: number): bigint | null {
  if (!fromOffsets) return 0n;
  return fromOffsets.partitions.get(partition) ?? fromOffsets.others ?? null;
}

/** Math.max and Math.min do not accept bigint. */
export const largest = (...values: bigint[]): bigint => values.toSorted(ascending).at(-1) ?? 0n;
export const smallest = (...values: bigint[]): bigint => values.toSorted(ascending)[0] ?? 0n;
const ascending = (a: bigint, b: bigint): number => Number(a - b);
