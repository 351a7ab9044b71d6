import type { Unusable } from './unusable.ts';

/** A batch's header; https://kafka.apache.org/documentation/#recordbatch */
export interface BatchHeader {
  readonly baseOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly firstTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly codec: number;
  /** The broker's clock stamps the whole batch; the producer's timestamps of single records do not apply. */
  readonly isStampedByLog: boolean;
  readonly isControl: boolean;
  readonly batchContext: FetchedMessage['batchContext'];
  readonly count: number;
}

/** A record in the shape that kafkajs gives its consumers. */
export interface FetchedMessage {
  /** For an unreadable batch, its last offset, so that the consumer continues after it. */
  readonly offset: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, string>;
  readonly attributes: number;
  /** A transaction marker, or the end of a batch whose last records compaction removed: never passed to a handler. */
  readonly isControlRecord: boolean;
  /** No record has this offset: it stands for the end of its batch. */
  readonly isAbsent?: true;
  /** What kafkajs needs to leave out the records of aborted transactions. */
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
  readonly unusable?: Unusable;
}
