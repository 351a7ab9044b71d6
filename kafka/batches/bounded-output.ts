import { UnreadableBatchError } from './errors.ts';

/** Bytes that a decompressor writes, with back references into them. Grows as needed, up to a limit. */
export class BoundedOutput {
  readonly #limit: number;
  #bytes: Buffer;
  #length = 0;

  /** @param limit in bytes. @param expected how many bytes there will probably be. */
  constructor(limit: number, expected: number) {
    this.#limit = limit;
    this.#bytes = Buffer.allocUnsafe(Math.min(limit, Math.max(expected, 1_024)));
  }

  /** Returns a view of the bytes written so far. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** @throws UnreadableBatchError beyond the limit. */
  append(source: Buffer, from: number, length: number): void {
    if (from + length > source.length) throw new UnreadableBatchError('the compressed bytes end early');
    this.#reserve(length);
    source.copy(this.#bytes, this.#length, from, from + length);
    this.#length += length;
  }

  /** Repeats `length` bytes that begin `distance` bytes back. They may overlap with what is written. */
  repeat(distance: number, length: number): void {
    if (distance < 1 || distance > this.#length)
      throw new UnreadableBatchError('a reference points before the beginning');
    this.#reserve(length);
    let left = length;
    // Each copy doubles what may be copied next: a run of one byte takes few steps.
    let span = distance;
    while (left > 0) {
      const step = Math.min(left, span);
      this.#bytes.copyWithin(this.#length, this.#length - span, this.#length - span + step);
      this.#length += step;
      left -= step;
      if (step === span) span *= 2;
    }
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed > this.#limit) throw new UnreadableBatchError(`more than ${this.#limit} bytes when decompressed`); // mutant: batches.output-limit
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.min(this.#limit, Math.max(needed, 2 * this.#bytes.length)));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
