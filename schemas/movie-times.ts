const firstCapacity = 1_024;
/** No movie has the id 0. */
const none = 0;

/**
 * Movie → the newest of its times, for a million movies: a hash table in two arrays, with 12 bytes for each slot. Ids are 32-bit
 * integers from 1 on, times are ms since the epoch.
 */
export class MovieTimes {
  #ids = new Int32Array(firstCapacity);
  #times = new Float64Array(firstCapacity);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(movieId: number): number | undefined {
    const slot = this.#slotOf(movieId);
    return this.#ids[slot] === movieId ? this.#times[slot] : undefined;
  }

  /** Records a time, unless a newer one is known. */
  add(movieId: number, time: number): void {
    // At most three quarters full: the runs of occupied slots stay short.
    if (this.#size * 4 >= this.#ids.length * 3) this.#grow();
    const slot = this.#slotOf(movieId);
    if (this.#ids[slot] === none) {
      this.#ids[slot] = movieId;
      this.#times[slot] = time;
      this.#size += 1;
    } else {
      this.#times[slot] = Math.max(time, this.#times[slot] ?? 0); // mutant: discovery.newest-time
    }
  }

  /** In no order. */
  *[Symbol.iterator](): Generator<readonly [movieId: number, time: number]> {
    for (const [slot, movieId] of this.#ids.entries()) if (movieId !== none) yield [movieId, this.#times[slot] ?? 0];
  }

  /** The slot of the movie, or the free one where it belongs. */
  #slotOf(movieId: number): number {
    const mask = this.#ids.length - 1;
    // Neighboring ids go to distant slots: the multiplier is 2^32 divided by the golden ratio.
    let slot = (Math.imul(movieId, 0x9e3779b1) >>> 7) & mask;
    while (this.#ids[slot] !== none && this.#ids[slot] !== movieId) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [ids, times] = [this.#ids, this.#times];
    this.#ids = new Int32Array(ids.length * 2);
    this.#times = new Float64Array(ids.length * 2);
    this.#size = 0;
    for (const [slot, movieId] of ids.entries()) if (movieId !== none) this.add(movieId, times[slot] ?? 0);
  }
}
