import type { Unusable } from './batches/unusable.ts';

/** What a record says of itself beside its value: names and texts. */
export type Headers = Readonly<Record<string, string>>;

/** One entry of a topic, bytes as Kafka holds them. */
export interface ConsumerRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  /** null is a tombstone. */
  readonly value: Buffer | null;
  /** Absent where there are none. */
  readonly headers?: Headers;
  /**
   * Set if the record is beyond our limits, or stands for an unreadable batch: park it. Key and value then hold at most their
   * beginning, and a null value is not a tombstone.
   */
  readonly unusable?: UnusableRecord;
}

export interface UnusableRecord extends Omit<Unusable, 'firstOffset'> {
  /** The record stands for all offsets up to and including this one. */
  readonly lastOffset: bigint;
}

/** An entry to be written. */
export interface ProducerRecord<T> {
  /** Decides the partition; without one it is any. */
  readonly key: string | Buffer | null;
  readonly value: T;
  readonly headers?: Headers;
}

/** Partition → offset. */
export type Offsets = ReadonlyMap<number, bigint>;

/** Writes one topic. */
export interface Sink<T> extends AsyncDisposable {
  /** Resolves once every in-sync replica has the records (acks=all). Calls made at the same time share one request. */
  publish(records: readonly ProducerRecord<T>[]): Promise<void>;
}

/**
 * Reads a topic as a member of a consumer group, at least once.
 *
 * `handle` runs for up to `concurrency` records at a time and a record is done when it resolves. Commits follow at once and
 * tell what is done without a gap and what is done ahead of it, so a crash redelivers the records in hand and those that
 * were done in the few milliseconds of the commit under way. When `handle` rejects, `run` rejects with that error and the
 * record comes again.
 */
export interface RecordSource {
  /**
   * Ends when `signal` aborts (after the records in hand are done), or, if `until` is given, once every offset below
   * it is done and committed. @throws whatever `handle` threw, or KafkaError when the consumer died.
   */
  run(handle: (record: ConsumerRecord) => Promise<void>, options: RunOptions): Promise<void>;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Exclusive end for every partition of the topic; without it the source runs for ever. */
  readonly until?: Offsets;
}

/**
 * Reads partitions from positions that somebody else keeps (the warehouse ledger); Kafka's committed offset is
 * never trusted. Records of a partition arrive in offset order, none twice within an assignment.
 */
export interface PartitionSource {
  /**
   * Ends when `signal` aborts. `handler.records` is awaited before more of the same partition is read (backpressure).
   * @throws GapError when records between the ledger's position and what the topic still has are gone,
   * KafkaError when the consumer died, or whatever the handler threw.
   */
  run(handler: PartitionHandler, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Tells Kafka how far the ledger is: a hint for tools that show lag, never read back. */
  commit(topic: string, next: Offsets): Promise<void>;
}

export interface PartitionHandler {
  /**
   * The first offset wanted; null when the ledger has none (then the topic's first). Asked at each assignment.
   * @param topicId Kafka's id of the topic: one that was made anew under the same name has another.
   */
  position(topic: string, partition: number, topicId: string): Promise<bigint | null>;
  /** Consecutive records of one partition. `next` is the offset that follows them, past holes that Kafka left. */
  records(batch: PartitionRecords): Promise<void>;
  /** The partition is no longer ours: forget what is buffered of it. */
  revoked(topic: string, partition: number): void;
}

export interface PartitionRecords {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumerRecord[];
  readonly next: bigint;
}

/** A partition that this process waits for and does not have itself. */
export interface AwaitedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Offsets that are not done yet. */
  readonly left: bigint;
  /** Who has the partition, for a person; null if no member has it now. */
  readonly owner: string | null;
}

/** A member of a group, as it tells of itself. */
export interface PartitionOwner {
  /** For a person: `process 42 on host-a`, or a foreign client's id and address. */
  readonly name: string;
  /** What it writes to; null if it does not tell. */
  readonly target: string | null;
  /** Whether it runs on this machine: only then names of files mean the same there and here. */
  readonly isHere: boolean;
}

/** Whether `a` was written after `b`. Of different partitions, which a key has when partitions were added, the clock tells. */
export const isAfter = (a: RecordPosition, b: RecordPosition): boolean =>
  a.partition === b.partition ? a.offset > b.offset : a.timestamp > b.timestamp;

/** Where a record lies, and when it was written (ms since the epoch). */
export type RecordPosition = Pick<ConsumerRecord, 'partition' | 'offset' | 'timestamp'>;
