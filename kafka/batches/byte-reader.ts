import { UnreadableBatchError } from './errors.ts';

/** Reads Kafka's variable-length fields in sequence. Every method throws UnreadableBatchError at the end of the bytes. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  int8(): number {
    return (this.#byte() << 24) >> 24;
  }

  /** A signed 32-bit number, zigzag encoded. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw new UnreadableBatchError('a number has more than 32 bits');
  }

  /** A signed 64-bit number, zigzag encoded. */
  varlong(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw new UnreadableBatchError('a number has more than 64 bits');
  }

  /** A view of the next `length` bytes. */
  bytes(length: number): Buffer {
    if (length < 0 || length > this.left) {
      throw new UnreadableBatchError(`${length} bytes are announced, ${this.left} are left`);
    }
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  /** Bytes with their length in front; a length of -1 means null. */
  nullableBytes(): Buffer | null {
    const length = this.varint();
    return length === -1 ? null : this.bytes(length);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new UnreadableBatchError('the bytes end early');
    this.#at += 1;
    return byte;
  }
}
