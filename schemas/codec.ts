import { IngestError } from '../runtime/errors.ts';

/** A version of a record's schema. */
export interface SchemaVersion {
  /** As on file, in JSON. */
  readonly text: string;
  /** What precedes a body that it wrote, in Avro's single-object encoding. */
  readonly header: Buffer;
}

/** Converts a record's value into the bytes that Kafka stores, and back. */
export interface Codec<T> {
  /** @throws Error if the value does not match the schema, which is a bug. */
  encode(value: T): Buffer;
  /**
   * Bytes within the value are views of `bytes`, which they keep alive.
   * @throws DecodeError if no known version of the schema writes these bytes.
   */
  decode(bytes: Buffer): T;
  /** The schemas of its values, oldest first; absent if it passes bytes through. */
  readonly versions?: readonly SchemaVersion[];
}

/** These bytes can never be decoded; the record must be parked. */
export class DecodeError extends IngestError {
  readonly code = 'record_unusable';
  readonly retriable = false;
}

/** @returns null if there are no bytes or if they cannot be decoded, for callers that leave such a record to its consumer. */
export function decodeOrNull<T>(codec: Pick<Codec<T>, 'decode'>, bytes: Buffer | null): T | null {
  try {
    return bytes && codec.decode(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}
