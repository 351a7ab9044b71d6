/** A well mixed 32-bit number that is a pure function of up to four integers. */
export function hash32(a: number, b: number, c = 0, d = 0): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ b, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13) ^ c, 0x27d4eb2f);
  h = Math.imul(h ^ (h >>> 16) ^ d, 0x165667b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The same as a number in [0, 1). */
export const hashUnit = (a: number, b: number, c = 0, d = 0): number => hash32(a, b, c, d) / 2 ** 32;

/** A seeded stream of numbers (sfc32): the same seeds give the same stream, on any machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream: number, substream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = substream | 0;
    // Until every bit of the seeds has affected every bit of the state.
    for (let round = 0; round < 12; round += 1) this.next();
  }

  /** In [0, 1). */
  next(): number {
    const t = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    this.#c |= 0;
    return (t >>> 0) / 2 ** 32;
  }

  /** An integer in [0, below). */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError if there is nothing to pick from. */
  pick<T>(list: readonly T[]): T {
    const picked = list[this.int(list.length)];
    if (picked === undefined) throw new RangeError('nothing to pick from');
    return picked;
  }

  /** Approximately from the standard normal distribution: the sum of four uniform ones, so never beyond ±3.5. */
  normal(): number {
    return (this.next() + this.next() + this.next() + this.next() - 2) * Math.sqrt(3);
  }
}

/** Picks by weight: `weighted([['a', 9], ['b', 1]])(u)` with u in [0, 1) gives `a` nine times in ten. */
export function weighted<T>(choices: readonly (readonly [T, number])[]): (unit: number) => T {
  const total = choices.reduce((sum, [, weight]) => sum + weight, 0);
  // 4,096 slots: a table look-up, because a search through the weights would cost more than everything else.
  const slots = choices.flatMap(([value, weight]) =>
    new Array<T>(Math.max(1, Math.round((weight * 4_096) / total))).fill(value),
  );
  return (unit) => slots[Math.floor(unit * slots.length)] as T;
}
