import { setTimeout as delay } from 'node:timers/promises';
import type { Commit } from './commit.ts';
import type { Trouble } from './reach.ts';

/** What to commit, by partition. */
export type Commits = ReadonlyMap<number, Commit>;

/**
 * Commits offsets with one request in flight at a time; the next request has everything that was marked meanwhile. While Kafka or
 * the group's coordinator is out of reach, it tries again as `trouble` decides.
 */
export class OffsetCommitter {
  readonly #commit: (commits: Commits) => Promise<void>;
  readonly #fail: (error: unknown) => void;
  readonly #onCommitted: () => void;
  readonly #trouble: Trouble;
  readonly #marked = new Map<number, Commit>();
  #working: Promise<void> | undefined;

  /** @param fail receives the error when no further attempt helps; from then on nothing is committed. */
  constructor(
    commit: (commits: Commits) => Promise<void>,
    fail: (error: unknown) => void,
    onCommitted: () => void,
    trouble: Trouble,
  ) {
    this.#commit = commit;
    this.#fail = fail;
    this.#onCommitted = onCommitted;
    this.#trouble = trouble;
  }

  /** Whether a marked commit of the partition is not committed yet. */
  isPending(partition: number): boolean {
    return this.#marked.has(partition);
  }

  get isIdle(): boolean {
    return this.#marked.size === 0;
  }

  mark(partition: number, commit: Commit): void {
    this.#marked.set(partition, commit);
    this.#working ??= this.#work();
  }

  /** Another member has the partition now, and may have committed a larger offset. */
  forget(partition: number): void {
    this.#marked.delete(partition);
  }

  /** Waits until all marked commits are committed, at most `ms` milliseconds. */
  async flush(ms: number): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.#working, delay(ms, undefined, { signal: timer.signal, ref: false }).catch(() => {})]);
    timer.abort();
    // Kafka delivers records that are not committed by now again. No attempt continues in the background.
    this.#marked.clear();
    this.#trouble[Symbol.dispose]();
  }

  async #work(): Promise<void> {
    try {
      while (this.#marked.size > 0) await this.#commitMarked();
      this.#working = undefined;
    } catch (error) {
      // #working stays set, so no attempt follows.
      this.#fail(error);
    }
  }

  async #commitMarked(): Promise<void> {
    const commits = new Map(this.#marked);
    try {
      await this.#commit(commits);
    } catch (error) {
      await this.#trouble.after(error);
      return;
    }
    this.#trouble.works();
    for (const [partition, commit] of commits) {
      if (this.#marked.get(partition) === commit) this.#marked.delete(partition);
    }
    this.#onCommitted();
  }
}
