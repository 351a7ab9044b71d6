/** Which of its two topics a fetcher's record comes from. */
export type Priority = 'first' | 'backfill';

export interface RequestSlotsOptions {
  /** Records that may be handled at a time. */
  readonly slots: number;
  /** While both kinds wait, one in this many slots is for the backfill. */
  readonly backfillEvery: number;
}

/**
 * Shares a fetcher's requests between its two topics. A record of the backfill starts only if no other record waits, except for one in
 * `backfillEvery`: neither kind can starve the other.
 */
export class RequestSlots {
  readonly #options: RequestSlotsOptions;
  /** Each one starts a record that waits. */
  readonly #waiting: Readonly<Record<Priority, Set<() => void>>> = { first: new Set(), backfill: new Set() };
  #inUse = 0;
  /** Slots in a row that the backfill waited for and did not get. */
  #passedOver = 0;

  constructor(options: RequestSlotsOptions) {
    this.#options = options;
  }

  /** Runs `work` in a slot. @throws what it throws, or the reason of the signal if that aborts before `work` starts. */
  async run<T>(priority: Priority, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#start(priority, signal);
    try {
      return await work();
    } finally {
      this.#inUse -= 1;
      this.#startNext();
    }
  }

  #start(priority: Priority, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const waiting = this.#waiting[priority];
      const stop = () => {
        waiting.delete(start);
        reject(signal.reason);
      };
      const start = () => {
        signal.removeEventListener('abort', stop);
        resolve();
      };
      signal.addEventListener('abort', stop, { once: true });
      waiting.add(start);
      this.#startNext();
    });
  }

  #startNext(): void {
    while (this.#inUse < this.#options.slots) {
      const priority = this.#next();
      if (priority === null) return;
      const [start] = this.#waiting[priority];
      if (!start) return;
      this.#waiting[priority].delete(start);
      this.#inUse += 1;
      start();
    }
  }

  #next(): Priority | null {
    const { first, backfill } = this.#waiting;
    if (backfill.size === 0) return first.size > 0 ? 'first' : null;
    // mutant: discovery.backfill-share
    const isDue = this.#passedOver >= this.#options.backfillEvery - 1;
    if (first.size === 0 || isDue) {
      this.#passedOver = 0;
      return 'backfill';
    }
    this.#passedOver += 1;
    return 'first';
  }
}
