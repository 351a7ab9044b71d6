import { hash32 } from '../random.ts';
import { Permutation } from './permutation.ts';

/** TMDb's newest ids of 2026, rounded. */
const highestId = 1_600_000;

/**
 * Which ids exist and in what order they are popular, as pure functions: nothing is stored, for any number of movies.
 *
 * The ids 1 … 1,600,000 (more for a larger catalogue) are divided into as many ranges as there are movies, and each
 * movie's id lies in its range: sparse and rising like TMDb's. Ranks are a permutation of the ranges.
 */
export class Universe {
  readonly size: number;
  readonly #seed: number;
  readonly #span: number;
  readonly #ranks: Permutation;

  constructor(size: number, seed: number) {
    this.size = size;
    this.#seed = seed;
    this.#span = Math.max(highestId, Math.ceil(size * 1.25));
    this.#ranks = new Permutation(size, seed);
  }

  /** The `index`-th movie by id, 0 to size - 1. */
  idAt(index: number): number {
    const start = this.#start(index);
    return 1 + start + (hash32(index, this.#seed, 1) % (this.#start(index + 1) - start));
  }

  /** The movie at a position of the popular list, 0 to size - 1. */
  idAtRank(rank: number): number {
    return this.idAt(this.#ranks.at(rank));
  }

  /** null: no movie has this id. */
  indexOf(id: number): number | null {
    if (!Number.isSafeInteger(id) || id < 1 || id > this.#span) return null;
    const guess = Math.floor(((id - 1) * this.size) / this.#span);
    // The division rounds: the range is the estimated one or the next.
    for (const index of [guess, guess + 1]) if (index < this.size && this.idAt(index) === id) return index;
    return null;
  }

  /** Position on the popular list of the `index`-th movie by id. */
  rankOf(index: number): number {
    return this.#ranks.indexOf(index);
  }

  #start(index: number): number {
    return Math.floor((index * this.#span) / this.size);
  }
}
