/**
 * How much work a fetched record or batch may make. Each value is far above what we write ourselves; what is beyond is parked,
 * not processed, so that no record can stop a consumer.
 */

/** The largest value of a record, and `max.message.bytes` of our topics: an answer of TMDb's at its largest, twice over. */
export const maxRecordBytes = 8_000_000;

/** Our keys are movie ids and languages; those of dead letters have about 300 bytes at most. */
export const maxKeyBytes = 4_096;

/** We write three headers; tracing adds a few. */
export const maxHeaders = 1_000;
export const maxHeaderBytes = 65_536;

/**
 * What a batch may hold once it is decompressed: `max.message.bytes` limits only its compressed size. Four of the largest
 * records, because a producer compresses some of them together.
 */
export const maxBatchBytes = 4 * maxRecordBytes;

/** Our sinks write 2,000 records at most in a batch. */
export const maxBatchRecords = 100_000;

/** How much of a value, or of a batch, a dead letter keeps when it cannot keep all of it. */
export const keptBytes = 65_536;

/**
 * What one answer of a broker may add up to, over all its partitions. What is left over is fetched again, so this limits memory
 * and time and loses nothing; one batch is decoded in any case.
 */
export const maxFetch = { bytes: maxBatchBytes, records: maxBatchRecords } as const;
