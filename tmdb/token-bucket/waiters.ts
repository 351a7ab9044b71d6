import type { Token } from './token-bucket.ts';

interface Waiter {
  readonly grant: (token: Token) => void;
  readonly reject: (reason: unknown) => void;
}

/** The waiters for tokens in this process, in order of calls. */
export class Waiters {
  #waiters: Waiter[] = [];

  get length(): number {
    return this.#waiters.length;
  }

  /** @param onGone is called after `signal` has aborted the wait. */
  add(signal: AbortSignal | undefined, onGone: () => void): Promise<Token> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(signal?.reason);
        onGone();
      };
      const settle = () => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter = {
        grant: (token) => {
          settle();
          resolve(token);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** @returns whether there was a waiter. */
  grant(makeToken: () => Token): boolean {
    const waiter = this.#waiters.shift();
    waiter?.grant(makeToken());
    return waiter !== undefined;
  }

  rejectAll(reason: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }
}
