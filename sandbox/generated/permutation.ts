import { hash32 } from '../random.ts';

const rounds = 4;

/**
 * A shuffle of 0 … size - 1 that is computed, not stored, and can be inverted: a Feistel network over the next
 * power of four, repeated until the value is in range (a few times at most, because the range is at least a quarter).
 */
export class Permutation {
  readonly #size: number;
  readonly #seed: number;
  readonly #halfBits: number;
  readonly #mask: number;

  /** @param size at most 2^30. */
  constructor(size: number, seed: number) {
    this.#size = size;
    this.#seed = seed;
    this.#halfBits = Math.max(1, Math.ceil(Math.log2(Math.max(2, size)) / 2));
    this.#mask = (1 << this.#halfBits) - 1;
  }

  at(index: number): number {
    let value = index;
    do {
      let left = value >>> this.#halfBits;
      let right = value & this.#mask;
      for (let round = 0; round < rounds; round += 1) [left, right] = [right, left ^ this.#scramble(right, round)];
      value = (left << this.#halfBits) | right;
    } while (value >= this.#size);
    return value;
  }

  /** `indexOf(at(index))` is `index`. */
  indexOf(permuted: number): number {
    let value = permuted;
    do {
      let left = value >>> this.#halfBits;
      let right = value & this.#mask;
      for (let round = rounds - 1; round >= 0; round -= 1) [left, right] = [right ^ this.#scramble(left, round), left];
      value = (left << this.#halfBits) | right;
    } while (value >= this.#size);
    return value;
  }

  #scramble(half: number, round: number): number {
    return hash32(half, round, this.#seed) & this.#mask;
  }
}
