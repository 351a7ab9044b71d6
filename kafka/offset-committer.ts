import { setTimeout as delay } from 'node:timers/promises';
import type { Commit } from './commit.ts';
import type { Trouble } from './trouble.ts';

/** By partition. */
export type Commits = ReadonlyMap<number, Commit>;

/**
 * Commits what is done, one request in flight at a time: what is marked meanwhile goes with the next. While Kafka or the group's
 * coordinator is out of reach it tries again, as `trouble` says.
 */
export class OffsetCommitter {
  readonly #commit: (commits: Commits) => Promise<void>;
  readonly #fail: (error: unknown) => void;
  readonly #onCommitted: () => void;
  readonly #trouble: Trouble;
  readonly #marked = new Map<number, Commit>();
  #working: Promise<void> | undefined;

  /** @param fail is told when committing is impossible; nothing is committed from then on. */
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

  /** Whether something marked is not committed yet. */
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

  /** The partition went to somebody else, who may be further. */
  forget(partition: number): void {
    this.#marked.delete(partition);
  }

  /** Waits until all that is marked is committed, or `ms` are over. */
  async flush(ms: number): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.#working, delay(ms, undefined, { signal: timer.signal, ref: false }).catch(() => {})]);
    timer.abort();
    // What is not committed by now comes again; nothing goes on behind our back.
    this.#marked.clear();
    this.#trouble[Symbol.dispose]();
  }

  async #work(): Promise<void> {
    try {
      while (this.#marked.size > 0) await this.#commitMarked();
      this.#working = undefined;
    } catch (error) {
      // #working stays: nothing more is tried.
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
