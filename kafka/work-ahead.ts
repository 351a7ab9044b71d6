import { messageOf } from '../runtime/errors.ts';

/** Limits for the work beyond the last commit, which a kill repeats. */
export interface AheadLimits {
  /** Finished records that are not committed. */
  readonly records: number;
  /** Age (ms) of the oldest of them. */
  readonly ms: number;
}

/**
 * Counts the records that are finished and not committed. No new record may start while there are too many, while they wait
 * too long, or after a failed commit until one succeeds.
 */
export class WorkAhead {
  readonly #limits: AheadLimits;
  readonly #onChanged: (records: number) => void;
  readonly #now: () => number;
  #finished = 0;
  #committed = 0;
  /** Monotonic ms: when the oldest of them finished; null if there are none. */
  #since: number | null = null;
  #failure: string | null = null;

  /** @param onChanged receives the new number of records. */
  constructor(limits: AheadLimits, onChanged: (records: number) => void = () => {}, now = () => performance.now()) {
    this.#limits = limits;
    this.#onChanged = onChanged;
    this.#now = now;
  }

  get records(): number {
    return this.#finished - this.#committed;
  }

  /** Why commits do not follow; null while they do. */
  get trouble(): string | null {
    const seconds = this.#since === null ? 0 : (this.#now() - this.#since) / 1_000;
    const what = `${this.records} finished records are not committed, the oldest for ${Math.round(seconds)} s`;
    if (this.#failure !== null) return `${what}: ${this.#failure}`;
    return seconds * 1_000 > this.#limits.ms ? what : null;
  }

  /** Whether a new record may start. */
  get hasRoom(): boolean {
    return this.records < this.#limits.records && this.trouble === null; // mutant: fetcher.records-ahead
  }

  finish(): void {
    this.#finished += 1;
    this.#since ??= this.#now();
    this.#onChanged(this.records);
  }

  /** The records that are finished when `commit` begins are committed when it succeeds. @throws what it throws. */
  async during(commit: () => Promise<void>): Promise<void> {
    const [finished, startedAt] = [this.#finished, this.#now()];
    try {
      await commit();
    } catch (error) {
      this.#failure = messageOf(error); // mutant: fetcher.commit-failed
      throw error;
    }
    this.#failure = null;
    this.#committed = Math.max(this.#committed, finished);
    this.#since = this.records === 0 ? null : startedAt;
    this.#onChanged(this.records);
  }

  /** Nothing is left to commit: other members have the partitions. */
  clear(): void {
    this.#committed = this.#finished;
    this.#since = null;
    this.#failure = null;
    this.#onChanged(this.records);
  }
}
