import { setTimeout as delay } from 'node:timers/promises';
import type { Commit } from './commit.ts';
import { isPassing } from './group-member.ts';

/** By partition. */
export type Commits = ReadonlyMap<number, Commit>;

const pauseMs = 100;
/** How often in a row a rebalance may be in the way before something else must be wrong: about 30 s. */
const maxAttempts = 300;

/** Commits what is done, one request in flight at a time: what is marked meanwhile goes with the next. */
export class OffsetCommitter {
  readonly #commit: (commits: Commits) => Promise<void>;
  readonly #fail: (error: unknown) => void;
  readonly #onCommitted: () => void;
  readonly #marked = new Map<number, Commit>();
  #working: Promise<void> | undefined;

  /** @param fail is told when committing is impossible; nothing is committed from then on. */
  constructor(commit: (commits: Commits) => Promise<void>, fail: (error: unknown) => void, onCommitted: () => void) {
    this.#commit = commit;
    this.#fail = fail;
    this.#onCommitted = onCommitted;
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
  }

  async #work(): Promise<void> {
    for (let attempt = 1; this.#marked.size > 0; attempt += 1) {
      const commits = new Map(this.#marked);
      try {
        await this.#commit(commits);
      } catch (error) {
        if (attempt >= maxAttempts || !isPassing(error)) {
          // #working stays: nothing more is tried.
          this.#fail(error);
          return;
        }
        await delay(pauseMs);
        continue;
      }
      attempt = 0;
      for (const [partition, commit] of commits) {
        if (this.#marked.get(partition) === commit) this.#marked.delete(partition);
      }
      this.#onCommitted();
    }
    this.#working = undefined;
  }
}
