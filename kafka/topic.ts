import type { Unusable } from './batches/unusable.ts';

/** Names and texts beside the value of a record. */
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
  /** Absent if there are none. */
  readonly headers?: Headers;
  /**
   * Set if the record is beyond our limits, or stands for an unreadable batch: park it. Key and value then hold at most their
   * beginning, and a null value is not a tombstone.
   */
  readonly unusable?: UnusableRecord;
  /** The group has lost its commits, for example because they expired: the record may have been finished before. */
  readonly mayBeFinished?: true;
}

interface UnusableRecord extends Omit<Unusable, 'firstOffset'> {
  /** The record stands for all offsets up to and including this one. */
  readonly lastOffset: bigint;
}

/** Reads a whole topic in its present state. */
export type ReadTopic = (onRecord: (record: ConsumerRecord) => void) => Promise<void>;

/** A record to write. */
export interface ProducerRecord<T> {
  /** Decides the partition; null: any partition. */
  readonly key: string | Buffer | null;
  readonly value: T;
  readonly headers?: Headers;
}

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Identifies a partition within its cluster, also in messages. */
export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** Identifies a record within its cluster, also in messages and on the command line. */
export const recordKey = ({ topic, partition, offset }: TopicPartition & { readonly offset: bigint }) =>
  `${topic}/${partition}/${offset}` as const;

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
 * `handle` runs for up to `concurrency` records at a time, and a record is done when it resolves. Commits follow at once. They
 * contain the offset up to which all records are done, and the offsets done ahead of it. A crash therefore redelivers the
 * records in flight and those that finished in the few milliseconds of the last commit. If `handle` rejects, `run` rejects
 * with that error and Kafka delivers the record again.
 */
export interface RecordSource {
  /**
   * Ends when `signal` aborts (after the records in flight are done), or, if `until` is given, once every offset below
   * it is done and committed. @throws what `handle` threw, or KafkaError if the consumer failed.
   */
  run(handle: (record: ConsumerRecord) => Promise<void>, options: RunOptions): Promise<void>;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Exclusive end for every partition of the topic; without it the source runs for ever. */
  readonly until?: Offsets;
}

/**
 * Reads partitions from positions that the handler keeps (the ledger of the warehouse); never reads Kafka's committed offset.
 * Records of a partition arrive in the order of their offsets, none twice within an assignment.
 */
export interface PartitionSource {
  /**
   * Ends when `signal` aborts. `handler.records` is awaited before more of the same partition is read (backpressure).
   * @throws GapError if the topic no longer has records after the ledger's position, KafkaError if the consumer failed, or
   * what the handler threw.
   */
  run(handler: PartitionHandler, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Commits the ledger's positions in Kafka: a hint for tools that show lag, never read back. */
  commit(topic: string, next: Offsets): Promise<void>;
}

export interface PartitionHandler {
  /**
   * The first offset to read; null if the ledger has no position (then the first of the topic). Called at each assignment.
   * @param topicId Kafka's id of the topic. A topic that is created again under the same name has another id.
   */
  position(topic: string, partition: number, topicId: string): Promise<bigint | null>;
  /** Consecutive records of one partition. `next` is the offset that follows them and any hole after them. */
  records(batch: PartitionRecords): Promise<void>;
  /** Another member has the partition now: drop its buffered records. */
  revoked(topic: string, partition: number): void;
}

export interface PartitionRecords {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumerRecord[];
  readonly next: bigint;
}

/** A partition of another member that this process waits for. */
export interface AwaitedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Offsets that are not done yet. */
  readonly left: bigint;
  /** The owner, for a person; null if no member has the partition now. */
  readonly owner: string | null;
}

/** A member of a group, as it reports itself. */
export interface PartitionOwner {
  /** For a person: `process 42 on host-a`, or a foreign client's id and address. */
  readonly name: string;
  /** What it writes to; null if it does not report it. */
  readonly target: string | null;
  /** Whether it runs on this machine, where the same names of files mean the same files. */
  readonly isHere: boolean;
}

/** Whether `a` was written after `b`. If partitions were added, a key can have two partitions; then the times decide. */
export const isAfter = (a: RecordPosition, b: RecordPosition): boolean =>
  a.partition === b.partition ? a.offset > b.offset : a.timestamp > b.timestamp;

/** Partition and offset of a record, and when it was written (ms since the epoch). */
export type RecordPosition = Pick<ConsumerRecord, 'partition' | 'offset' | 'timestamp'>;
