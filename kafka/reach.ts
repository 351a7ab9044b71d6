import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { fullJitter } from '../runtime/retry.ts';
import { formatDuration } from '../runtime/units.ts';
import { asKafkaError, isOutage, isUnknownTopic, KafkaError } from './errors.ts';

export interface ReachOptions {
  /** How long (ms) a call may fail before it gives up; Infinity for a service, which waits. @default 20 s */
  readonly patienceMs?: number | undefined;
  /** Aborts when the process is to stop: calls then fail some seconds later. */
  readonly signal?: AbortSignal | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** What is reached, and what to do if it is not. @default Kafka */
  readonly server?: { readonly name: string; readonly remedy: string };
}

const kafkaServer = { name: 'Kafka', remedy: 'start Kafka, or correct KAFKA_BROKERS; then run the command again' };

const defaultPatienceMs = 20_000;
/** An outage ends when everything works for this time (ms): brokers that return one after the other are one outage. */
const quietMs = 1_000;
/** How long (ms) calls may continue after the signal. */
const lastTriesMs = 5_000;
/**
 * A call without an answer after this time (ms) fails, although it may still succeed. If most brokers are down, the
 * remaining one answers everything but writes, which hang until the request timeout: 30 s.
 */
const noAnswerMs = 5_000;

/**
 * Whether Kafka is in reach for the clients of this process. Only this class decides whether a call is repeated. Every call to
 * Kafka uses `persist` or has a `Trouble`; as long as one of them fails, Kafka is out of reach. An outage is logged
 * once when it begins and once when it ends.
 */
export class Reach {
  readonly #options: ReachOptions;
  /** The failing parts, with the reason. */
  readonly #failing = new Map<Trouble, string>();
  readonly #waiting = new Set<(error: unknown) => void>();
  #reason: string | null = null;
  #since = 0;
  #isFinal = false;
  #final: unknown;
  #connectionError: { readonly at: number; readonly message: string } | undefined;

  constructor(options: ReachOptions) {
    this.#options = options;
    const { signal } = options;
    const stop = () => void setTimeout(() => this.giveUp(signal?.reason), lastTriesMs).unref();
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  }

  get server(): { readonly name: string; readonly remedy: string } {
    return this.#options.server ?? kafkaServer;
  }

  /** Why Kafka is out of reach; null while it is in reach. */
  get reason(): string | null {
    return this.#reason;
  }

  /**
   * Repeats `ask` with backoff until it succeeds. @param doing what it is for, such as `reading the offsets of x`.
   * @throws KafkaError after `patienceMs`, KafkaRefusedError if no attempt helps, or the signal's reason some seconds after it
   * aborted.
   */
  async persist<T>(doing: string, ask: () => Promise<T>): Promise<T> {
    using trouble = this.trouble(doing);
    for (;;) {
      try {
        return await this.#answerOf(ask(), trouble);
      } catch (error) {
        await trouble.after(error);
      }
    }
  }

  /** For more than one call, such as a member of a group. Dispose of it at its end. */
  trouble(doing: string): Trouble {
    const { patienceMs = defaultPatienceMs, clock, random } = this.#options;
    return new Trouble(this, doing, { patienceMs, clock, random });
  }

  /** Nothing brings this Kafka back: from now on every call fails with `error`. */
  giveUp(error: unknown): void {
    if (this.#isFinal) return;
    this.#isFinal = true;
    this.#final = error;
    for (const leave of this.#waiting) leave(error);
  }

  /** Whether `error` is the one that `giveUp` received. */
  isFinal(error: unknown): boolean {
    return this.#isFinal && error === this.#final;
  }

  /** The same promise; rejects if `giveUp` is called first. */
  orGiveUp<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // Not Promise.race with a long-lived promise: that would retain memory for each call.
      this.#waiting.add(reject);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
      if (this.#isFinal) reject(this.#final);
    });
  }

  /** A connection to a broker failed: the probable reason if answers are missing. */
  noteConnectionError(message: string): void {
    this.#connectionError = { at: this.#options.clock.monotonic(), message };
  }

  /** Why the last connection failed, if that was after `at` (monotonic ms). */
  connectionErrorSince(at: number): string | null {
    const last = this.#connectionError;
    return last && last.at > at ? last.message : null;
  }

  /** @param reason null: it works again. */
  report(trouble: Trouble, reason: string | null): void {
    if (reason === null) {
      if (this.#failing.delete(trouble) && this.#failing.size === 0)
        setTimeout(() => this.#endIfQuiet(), quietMs).unref();
      return;
    }
    this.#failing.set(trouble, reason);
    if (this.#reason === null) {
      this.#since = this.#options.clock.monotonic();
      this.#options.log.warn({ reason }, `${this.server.name} is out of reach, waiting for it`);
    }
    this.#reason = reason;
  }

  async #answerOf<T>(work: Promise<T>, trouble: Trouble): Promise<T> {
    const late = setTimeout(() => trouble.hangs(noAnswerMs), noAnswerMs).unref();
    try {
      return await this.orGiveUp(work);
    } finally {
      clearTimeout(late);
    }
  }

  #endIfQuiet(): void {
    if (this.#failing.size > 0 || this.#reason === null) return;
    this.#reason = null;
    const { clock, log } = this.#options;
    log.warn({ seconds: Math.round((clock.monotonic() - this.#since) / 1_000) }, `${this.server.name} is back`);
  }
}

const backoff = { baseMs: 200, capMs: 2_000 };
/** A failure that ends within this time (ms) is no outage: a leader moves, or a connection is opened again. */
const graceMs = 1_000;
/** A topic that stays unknown for this time (ms) does not exist. */
const unknownTopicMs = 10_000;

interface TroubleOptions {
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The failures of one part of this process: how long Kafka has failed for it, and whether to try again. */
export class Trouble implements Disposable {
  readonly #reach: Reach;
  readonly #doing: string;
  readonly #options: TroubleOptions;
  #attempts = 0;
  /** Monotonic ms of the first failure since it worked. */
  #failingSince: number | undefined;
  /** Monotonic ms since when every answer has been that the topic is unknown. */
  #unknownSince: number | undefined;
  #reason = '';
  #timer: NodeJS.Timeout | undefined;
  #isReported = false;

  constructor(reach: Reach, doing: string, options: TroubleOptions) {
    this.#reach = reach;
    this.#doing = doing;
    this.#options = options;
  }

  /** Waits until the next attempt is due. @throws if there is to be no further attempt. */
  async after(error: unknown): Promise<void> {
    if (this.#reach.isFinal(error)) throw error;
    const failure = asKafkaError(this.#doing, error);
    if (!isOutage(error)) throw failure;
    const { patienceMs, clock, random } = this.#options;
    this.fails(failure.message);
    const now = clock.monotonic();
    const isUnknown = isUnknownTopic(error);
    this.#unknownSince = isUnknown ? (this.#unknownSince ?? now) : undefined;
    const failingMs = now - (this.#failingSince ?? now);
    if (failingMs >= patienceMs || now - (this.#unknownSince ?? now) >= unknownTopicMs) {
      const remedy = isUnknown ? 'is the topic there?' : this.#reach.server.remedy;
      throw new KafkaError(`${failure.message}. Tried for ${formatDuration(failingMs)}: ${remedy}`, { cause: error });
    }
    const waitMs = fullJitter(this.#attempts, backoff, random);
    this.#attempts += 1;
    await this.#reach.orGiveUp(clock.sleep(waitMs));
  }

  /** It fails. After a second, Kafka counts as out of reach. */
  fails(reason: string): void {
    this.#failingSince ??= this.#options.clock.monotonic();
    this.#reason = reason;
    if (this.#isReported) this.#reach.report(this, reason);
    else this.#timer ??= setTimeout(() => this.#report(), graceMs).unref();
  }

  /** It has not answered for `ms`. */
  hangs(ms: number): void {
    this.fails(`${this.#doing}: no answer for ${formatDuration(ms)}`);
  }

  /** It works again. */
  works(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#failingSince = undefined;
    this.#unknownSince = undefined;
    this.#attempts = 0;
    if (this.#isReported) this.#reach.report(this, null);
    this.#isReported = false;
  }

  [Symbol.dispose](): void {
    this.works();
  }

  #report(): void {
    this.#isReported = true;
    this.#reach.report(this, this.#reason);
  }
}
