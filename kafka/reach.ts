import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { Trouble, type Troubles } from './trouble.ts';

export interface ReachOptions {
  /** How long (ms) a call may fail before it gives up; Infinity for a service, which waits. @default 20 s */
  readonly patienceMs?: number | undefined;
  /** Aborts when we are to stop: then nothing is waited for much longer. */
  readonly signal?: AbortSignal | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const standardPatienceMs = 20_000;
/** After an outage everything has to work for so long before it counts as over: what comes back piece by piece is one outage. */
const quietMs = 1_000;
/** How long calls may still go on after we were told to stop. */
const lastTriesMs = 5_000;

/**
 * Whether Kafka is in reach, as all clients of this process see it, and the one place that decides to try again. Every call to
 * Kafka goes through `persist` or has a `Trouble`; as long as one of them fails, Kafka is out of reach. An outage is logged
 * once when it begins and once when it is over.
 */
export class Reach implements Troubles {
  readonly #options: ReachOptions;
  /** What fails now, and why. */
  readonly #failing = new Map<Trouble, string>();
  readonly #waiting = new Set<(error: unknown) => void>();
  #reason: string | null = null;
  #since = 0;
  #isOver = false;
  #final: unknown;
  #connectionError: { readonly at: number; readonly message: string } | undefined;

  constructor(options: ReachOptions) {
    this.#options = options;
    const { signal } = options;
    const stop = () => void setTimeout(() => this.giveUp(signal?.reason), lastTriesMs).unref();
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  }

  /** Why Kafka is out of reach; null while it is in reach. */
  get reason(): string | null {
    return this.#reason;
  }

  /**
   * Repeats `ask` with backoff until it succeeds. @param doing what it is for, such as `reading the offsets of x`.
   * @throws KafkaError when the patience is over, KafkaRefusedError when no attempt helps, or the signal's reason some seconds
   * after it aborted.
   */
  async persist<T>(doing: string, ask: () => Promise<T>): Promise<T> {
    using trouble = this.trouble(doing);
    for (;;) {
      try {
        return await this.orOver(ask());
      } catch (error) {
        await trouble.after(error);
      }
    }
  }

  /** For what is more than a call, such as a member of a group. Dispose of it at its end. */
  trouble(doing: string): Trouble {
    const { patienceMs = standardPatienceMs, clock, random } = this.#options;
    return new Trouble(this, doing, { patienceMs, clock, random });
  }

  /** Nothing brings this Kafka back: from now on every call fails with `error`. */
  giveUp(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#final = error;
    for (const leave of this.#waiting) leave(error);
  }

  /** Whether `error` says that nothing is to be waited for any more. */
  isFinal(error: unknown): boolean {
    return this.#isOver && error === this.#final;
  }

  /** The same promise; rejects when nothing is to be waited for any more. */
  orOver<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // Not Promise.race with a promise that lasts: it would keep something of every call.
      this.#waiting.add(reject);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
      if (this.#isOver) reject(this.#final);
    });
  }

  /** A connection to some broker failed: whoever hears nothing meanwhile knows why. */
  noteConnectionError(message: string): void {
    this.#connectionError = { at: this.#options.clock.monotonic(), message };
  }

  /** What the last connection failed with, if that was after `at` (monotonic ms). */
  connectionErrorSince(at: number): string | null {
    const last = this.#connectionError;
    return last && last.at > at ? last.message : null;
  }

  /** @param reason null: it works. */
  tell(trouble: Trouble, reason: string | null): void {
    if (reason === null) {
      if (this.#failing.delete(trouble) && this.#failing.size === 0)
        setTimeout(() => this.#endIfQuiet(), quietMs).unref();
      return;
    }
    this.#failing.set(trouble, reason);
    if (this.#reason === null) {
      this.#since = this.#options.clock.monotonic();
      this.#options.log.warn({ reason }, 'Kafka is out of reach, waiting for it');
    }
    this.#reason = reason;
  }

  #endIfQuiet(): void {
    if (this.#failing.size > 0 || this.#reason === null) return;
    this.#reason = null;
    const { clock, log } = this.#options;
    log.warn({ seconds: Math.round((clock.monotonic() - this.#since) / 1_000) }, 'Kafka is back');
  }
}
