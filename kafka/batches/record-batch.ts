import type { Breather } from './breather.ts';
import { ByteReader } from './byte-reader.ts';
import { decompress } from './decompress.ts';
import { UnreadableBatchError } from './errors.ts';
import type { BatchHeader, FetchedMessage } from './fetched-message.ts';
import { maxBatchBytes, maxBatchRecords } from './limits.ts';
import { beginningOf, decodeRecord, digestOf } from './record.ts';
import type { Skips } from './skip.ts';

const headerBytes = 61;
const magic = 2;
/** Base offset and length. */
const framingBytes = 12;
const flag = { codec: 0x07, logTime: 0x08, transactional: 0x10, control: 0x20 } as const;

/**
 * The next batch of a broker's answer, by the length in its header. Null if the batch is cut off, which a broker does with
 * the last batch of an answer.
 */
export function nextBatch(bytes: Buffer, at: number): Buffer | null {
  if (at + framingBytes > bytes.length) return null;
  const length = bytes.readInt32BE(at + 8);
  // No batch has such a length, so nothing after it can be found.
  if (length < 0) return bytes.subarray(at);
  const end = at + framingBytes + length;
  return end > bytes.length ? null : bytes.subarray(at, end);
}

/** The records of a batch, and the cost of decoding it. */
export interface DecodedBatch {
  readonly messages: readonly FetchedMessage[];
  /** Bytes that decompression added. */
  readonly inflatedBytes: number;
}

/**
 * Decodes one batch, within the limits. Never throws: if a batch cannot be decoded, or must be skipped, the result is one
 * unusable message.
 */
export async function decodeBatch(batch: Buffer, breather: Breather, skips: Skips): Promise<DecodedBatch> {
  const header = batch.length < headerBytes ? null : headerOf(batch);
  try {
    if (isSkipped(batch, header, skips)) throw new UnreadableBatchError(skipped); // mutant: batches.skipped
    if (!header) throw new UnreadableBatchError(`a batch of ${batch.length} bytes is too short`);
    if (batch.readInt8(16) !== magic) throw new UnreadableBatchError(`its format (${batch.readInt8(16)}) is unknown`);
    if (header.count < 0 || header.count > maxBatchRecords) {
      throw new UnreadableBatchError(`${header.count} records exceed the limit of ${maxBatchRecords}`);
    }
    const body = batch.subarray(headerBytes);
    // If compaction removed every record of a batch, there are no bytes to decompress.
    const isPlain = header.codec === 0 || header.count === 0;
    const records = isPlain ? body : await decompress(header.codec, body, maxBatchBytes, breather);
    const messages = decodeRecords(header, records);
    return {
      messages: skips.areNone ? messages : messages.map((message) => withoutSkipped(message, skips)),
      inflatedBytes: isPlain ? 0 : records.length,
    };
  } catch (error) {
    if (!(error instanceof UnreadableBatchError)) throw error;
    return { messages: [unreadable(batch, header, error.message)], inflatedBytes: maxBatchBytes };
  }
}

const skipped = 'it is skipped: KAFKA_SKIP_OFFSETS names it';

const isSkipped = (batch: Buffer, header: BatchHeader | null, skips: Skips): boolean => {
  const first = batch.readBigInt64BE(0);
  return skips.hasBatch(first, header ? lastOffsetOf(header) : first);
};

function withoutSkipped(message: FetchedMessage, skips: Skips): FetchedMessage {
  const firstOffset = BigInt(message.offset);
  if (message.unusable || message.isControlRecord || !skips.hasRecord(firstOffset)) return message;
  const reason = 'undecodable_record';
  return { ...message, unusable: { reason, message: skipped, firstOffset, valueBytes: null, valueSha256: null } };
}

function headerOf(batch: Buffer): BatchHeader {
  const attributes = batch.readInt16BE(21);
  return {
    baseOffset: batch.readBigInt64BE(0),
    lastOffsetDelta: Math.max(0, batch.readInt32BE(23)),
    firstTimestamp: batch.readBigInt64BE(27),
    maxTimestamp: batch.readBigInt64BE(35),
    codec: attributes & flag.codec,
    isStampedByLog: (attributes & flag.logTime) !== 0,
    isControl: (attributes & flag.control) !== 0,
    batchContext: {
      producerId: String(batch.readBigInt64BE(43)),
      inTransaction: (attributes & flag.transactional) !== 0,
    },
    count: batch.readInt32BE(57),
  };
}

function decodeRecords(header: BatchHeader, bytes: Buffer): FetchedMessage[] {
  const reader = new ByteReader(bytes);
  const messages: FetchedMessage[] = [];
  let next = 0;
  for (let index = 0; index < header.count; index += 1) {
    const { offsetDelta, message } = decodeRecord(header, reader.bytes(reader.varint()));
    if (offsetDelta < next || offsetDelta > header.lastOffsetDelta) {
      throw new UnreadableBatchError('its offsets are out of order');
    }
    next = offsetDelta + 1;
    messages.push(message);
  }
  if (reader.left > 0) throw new UnreadableBatchError(`${reader.left} bytes follow its last record`);
  // Compaction may remove the last records of a batch. Without this, kafkajs fetches each of those offsets separately.
  if (next <= header.lastOffsetDelta) messages.push(endOf(header));
  return messages;
}

const lastOffsetOf = ({ baseOffset, lastOffsetDelta }: BatchHeader): bigint => baseOffset + BigInt(lastOffsetDelta);

const endOf = (header: BatchHeader): FetchedMessage => ({
  offset: String(lastOffsetOf(header)),
  timestamp: String(header.maxTimestamp),
  ...{ key: null, value: null, headers: {}, attributes: 0, isControlRecord: true, isAbsent: true },
  batchContext: header.batchContext,
});

function unreadable(batch: Buffer, header: BatchHeader | null, why: string): FetchedMessage {
  // Older formats have one record here, as far as this function reads.
  const isKnown = header !== null && batch.readInt8(16) === magic;
  const firstOffset = batch.readBigInt64BE(0);
  return {
    offset: String(isKnown ? lastOffsetOf(header) : firstOffset), // mutant: batches.unreadable-range
    timestamp: String(isKnown ? header.maxTimestamp : 0),
    key: null,
    value: beginningOf(batch),
    ...{ headers: {}, attributes: 0, isControlRecord: false },
    batchContext: isKnown ? header.batchContext : { producerId: '-1', inTransaction: false },
    unusable: {
      reason: 'unreadable_batch',
      message: `the batch cannot be read: ${why}`,
      firstOffset,
      ...digestOf(batch),
    },
  };
}
