import { messageOf } from '../runtime/errors.ts';

/** What may be done beyond the last commit. Each of it would be done again after a kill. */
export interface AheadLimits {
  /** Finished records that are not committed. */
  readonly records: number;
  /** Age (ms) of the oldest of them. */
  readonly ms: number;
}

/**
 * Records that are finished and not committed yet. Nothing new may begin while there are too many, while they wait too long,
 * or after a commit that failed, until one has succeeded.
 */
export class WorkAhead {
  readonly #limits: AheadLimits;
  readonly #onChanged: (records: number) => void;
  readonly #now: () => number;
  #finished = 0;
  #committed = 0;
  /** Monotonic ms: when the oldest of them was finished; null without any. */
  #since: number | null = null;
  #failure: string | null = null;

  /** @param onChanged is told how many records it is now. */
  constructor(limits: AheadLimits, onChanged: (records: number) => void = () => {}, now = () => performance.now()) {
    this.#limits = limits;
    this.#onChanged = onChanged;
    this.#now = now;
  }

  get records(): number {
    return this.#finished - this.#committed;
  }

  /** Why no commit follows; null while all is well, or while there is only much to commit. */
  get trouble(): string | null {
    const seconds = this.#since === null ? 0 : (this.#now() - this.#since) / 1_000;
    const what = `${this.records} finished records are not committed, the oldest for ${Math.round(seconds)} s`;
    if (this.#failure !== null) return `${what}: ${this.#failure}`;
    return seconds * 1_000 > this.#limits.ms ? what : null;
  }

  /** Whether something new may begin. */
  get hasRoom(): boolean {
    return this.records < this.#limits.records && this.trouble === null;
  }

  finish(): void {
    this.#finished += 1;
    this.#since ??= this.#now();
    this.#onChanged(this.records);
  }

  /** Everything that is finished when `commit` begins counts as committed when it has succeeded. @throws what it throws. */
  async during(commit: () => Promise<void>): Promise<void> {
    const [finished, startedAt] = [this.#finished, this.#now()];
    try {
      await commit();
    } catch (error) {
      this.#failure = messageOf(error);
      throw error;
    }
    this.#failure = null;
    this.#committed = Math.max(this.#committed, finished);
    this.#since = this.records === 0 ? null : startedAt;
    this.#onChanged(this.records);
  }

  /** Nothing is left that could be committed: others have its partitions. */
  clear(): void {
    this.#committed = this.#finished;
    this.#since = null;
    this.#failure = null;
    this.#onChanged(this.records);
  }
}
