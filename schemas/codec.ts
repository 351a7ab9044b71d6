import { IngestError } from '../runtime/errors.ts';

/** Turns a record's value into the bytes that Kafka holds and back. */
export interface Codec<T> {
  /** @throws Error when the value does not fit the schema: a bug of ours. */
  encode(value: T): Buffer;
  /**
   * Bytes within the value are views of `bytes`, which they keep alive.
   * @throws DecodeError when the bytes are not what any known version of the schema writes.
   */
  decode(bytes: Buffer): T;
}

/** These bytes can never be read; a record that holds them has to be parked. */
export class DecodeError extends IngestError {
  readonly retriable = false;
}
