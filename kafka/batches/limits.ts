/**
 * Limits for the work that a fetched record or batch may cause. Each is far above what we write ourselves. Records beyond them are
 * parked, not processed, so that no record can stop a consumer.
 */

/** The largest value of a record, and `max.message.bytes` of our topics: twice the largest answer of TMDb. */
export const maxRecordBytes = 8_000_000;

/** Our keys are movie ids and languages; keys of dead letters have at most about 300 bytes. */
export const maxKeyBytes = 4_096;

/** We write three headers; tracing adds a few. */
export const maxHeaders = 1_000;
export const maxHeaderBytes = 65_536;

/**
 * The largest decompressed size of a batch: `max.message.bytes` limits only its compressed size. It equals four of the largest
 * records, because a producer compresses several records at once.
 */
export const maxBatchBytes = 4 * maxRecordBytes;

/** Our sinks write at most 2,000 records in a batch. */
export const maxBatchRecords = 100_000;

/** How much of a value, or of a batch, a dead letter keeps when it cannot keep all of it. */
export const keptBytes = 65_536;

/**
 * The largest total of one broker answer, over all its partitions. The rest is fetched again, so this limits memory
 * and time and loses nothing. At least one batch is always decoded.
 */
export const maxFetch = { bytes: maxBatchBytes, records: maxBatchRecords } as const;
