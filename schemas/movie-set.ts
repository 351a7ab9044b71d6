import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { DecodeError } from './codec.ts';

const blockMovies = 65_536;
const blockBytes = blockMovies / 8;
const numberBytes = 2;
/** A set of all 32-bit ids has 268 MB. TMDb's ids need 220 KB, so this is enough for ids that are a hundred times as large. */
const mostBytes = 32_000_000;

/**
 * A set of movies with one bit for each id: 1.2 million ids of TMDb need 220 KB in memory and in Kafka. Ids are 32-bit integers from 1 on.
 */
export class MovieSet {
  readonly #blocks = new Map<number, Uint8Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(movieId: number): void {
    const number = Math.floor(movieId / blockMovies);
    const block = this.#blocks.get(number) ?? new Uint8Array(blockBytes);
    this.#blocks.set(number, block);
    const [byte, bit] = placeOf(movieId);
    const bits = block[byte] ?? 0;
    if ((bits & bit) !== 0) return;
    block[byte] = bits | bit;
    this.#size += 1;
  }

  has(movieId: number): boolean {
    const [byte, bit] = placeOf(movieId);
    return ((this.#blocks.get(Math.floor(movieId / blockMovies))?.[byte] ?? 0) & bit) !== 0;
  }

  /** In ascending order. */
  *[Symbol.iterator](): Generator<number> {
    for (const [number, block] of this.#sorted()) {
      for (let within = 0; within < blockMovies; within += 1) {
        const [byte, bit] = placeOf(within);
        if (((block[byte] ?? 0) & bit) !== 0) yield number * blockMovies + within;
      }
    }
  }

  encode(): Buffer {
    const parts = this.#sorted().flatMap(([number, block]) => {
      const header = Buffer.alloc(numberBytes);
      header.writeUInt16LE(number);
      return [header, block];
    });
    return deflateRawSync(Buffer.concat(parts));
  }

  /** @throws DecodeError if `encode` did not write these bytes. */
  static decode(encoded: Buffer): MovieSet {
    const bytes = inflate(encoded);
    const entryBytes = numberBytes + blockBytes;
    if (bytes.length % entryBytes !== 0) throw new DecodeError(`${bytes.length} bytes are no set of movies`);
    const set = new MovieSet();
    for (let from = 0; from < bytes.length; from += entryBytes) {
      const block = Uint8Array.from(bytes.subarray(from + numberBytes, from + entryBytes));
      set.#blocks.set(bytes.readUInt16LE(from), block);
    }
    for (const block of set.#blocks.values()) for (const bits of block) set.#size += bitsOf(bits);
    return set;
  }

  #sorted(): [number: number, block: Uint8Array][] {
    return [...this.#blocks].sort(([a], [b]) => a - b);
  }
}

/** The byte of a movie in its block, and its bit in that byte. */
const placeOf = (movieId: number): readonly [byte: number, bit: number] => [
  (movieId % blockMovies) >>> 3,
  1 << (movieId & 7),
];

function bitsOf(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}

function inflate(encoded: Buffer): Buffer {
  try {
    return inflateRawSync(encoded, { maxOutputLength: mostBytes });
  } catch (error) {
    throw new DecodeError('the bytes are no set of movies', { cause: error });
  }
}
