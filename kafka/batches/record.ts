import { createHash } from 'node:crypto';
import { ByteReader } from './byte-reader.ts';
import { UnreadableBatchError } from './errors.ts';
import type { BatchHeader, FetchedMessage } from './fetched-message.ts';
import { keptBytes, maxHeaderBytes, maxHeaders, maxKeyBytes, maxRecordBytes } from './limits.ts';
import type { Unusable } from './unusable.ts';

interface Contents {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, string>;
  readonly unusable?: Omit<Unusable, 'firstOffset'>;
}

/**
 * Decodes one record. Wrong contents make only this record unusable.
 * @throws UnreadableBatchError when its offset cannot be read.
 */
export function decodeRecord(
  batch: BatchHeader,
  bytes: Buffer,
): { readonly offsetDelta: number; readonly message: FetchedMessage } {
  const reader = new ByteReader(bytes);
  const attributes = reader.int8();
  const timestampDelta = reader.varlong();
  const offsetDelta = reader.varint();
  const offset = batch.baseOffset + BigInt(offsetDelta);
  const timestamp = batch.isStampedByLog ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta;
  const { unusable, ...contents } = contentsOf(reader, bytes);
  const message = {
    ...contents,
    offset: String(offset),
    timestamp: String(timestamp),
    attributes,
    isControlRecord: batch.isControl,
    batchContext: batch.batchContext,
    ...(unusable && { unusable: { ...unusable, firstOffset: offset } }),
  };
  return { offsetDelta, message };
}

function contentsOf(reader: ByteReader, record: Buffer): Contents {
  try {
    const key = reader.nullableBytes();
    const value = reader.nullableBytes();
    const { headers, excess } = headersOf(reader);
    return within({ key, value, headers }, excess);
  } catch (error) {
    if (!(error instanceof UnreadableBatchError)) throw error;
    const message = `the record's fields do not fit its length: ${error.message}`;
    const unusable = { reason: 'undecodable_record', message, ...digestOf(record) } as const;
    return { key: null, value: beginningOf(record), headers: {}, unusable };
  }
}

function headersOf(reader: ByteReader): { readonly headers: Contents['headers']; readonly excess: string | null } {
  const count = reader.varint();
  const bytes = reader.left;
  if (count > maxHeaders || bytes > maxHeaderBytes) {
    const excess = `${count} headers of ${bytes} bytes exceed the limit of ${maxHeaders} headers and ${maxHeaderBytes} bytes`;
    return { headers: {}, excess };
  }
  // If a header is repeated, the last one counts.
  const headers = new Map<string, string>();
  for (let index = 0; index < count; index += 1) {
    const name = reader.bytes(reader.varint()).toString();
    headers.set(name, reader.nullableBytes()?.toString() ?? '');
  }
  if (reader.left > 0) throw new UnreadableBatchError(`${reader.left} bytes follow its last header`);
  return { headers: Object.fromEntries(headers), excess: null };
}

function within(contents: Contents, excessOfHeaders: string | null): Contents {
  const { key, value } = contents;
  const [keyBytes, valueBytes] = [key?.length ?? 0, value?.length ?? 0];
  const excess = [
    keyBytes > maxKeyBytes ? `a key of ${keyBytes} bytes exceeds the limit of ${maxKeyBytes}` : null, // mutant: batches.key-limit
    valueBytes > maxRecordBytes ? `a value of ${valueBytes} bytes exceeds the limit of ${maxRecordBytes}` : null,
    excessOfHeaders,
  ].filter((text) => text !== null);
  if (excess.length === 0) return contents;
  const [reason, message] = ['record_limits_exceeded' as const, excess.join('; ')];
  if (keyBytes <= maxKeyBytes && valueBytes <= maxRecordBytes) {
    return { ...contents, unusable: { reason, message, valueBytes: null, valueSha256: null } };
  }
  return {
    key: key && beginningOf(key, maxKeyBytes),
    value: value && beginningOf(value),
    headers: {},
    unusable: { reason, message, ...digestOf(value ?? Buffer.alloc(0)) },
  };
}

/** A copy: a view would keep the whole batch in memory. */
export const beginningOf = (bytes: Buffer, length = keptBytes): Buffer => Buffer.from(bytes.subarray(0, length));

/** Identifies bytes that are not kept whole. */
export const digestOf = (bytes: Buffer): Pick<Unusable, 'valueBytes' | 'valueSha256'> => ({
  valueBytes: bytes.length,
  valueSha256: createHash('sha256').update(bytes).digest(),
});
