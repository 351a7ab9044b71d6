import type { Clock } from '../runtime/clock.ts';
import { fullJitter } from '../runtime/retry.ts';
import { formatDuration } from '../runtime/units.ts';
import { asKafkaError, isOutage, isUnknownTopic, KafkaError } from './errors.ts';

const backoff = { baseMs: 200, capMs: 2_000 };
/** What fails for less than this is no outage: a leader that moves, a connection that has to be made again. */
const graceMs = 1_000;
/** A topic that stays unknown for so long does not exist. */
const unknownTopicMs = 10_000;

interface TroubleOptions {
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** What a `Trouble` needs of `Reach`, which has the troubles of the whole process. */
export interface Troubles {
  /** @param reason null: it works. */
  tell(trouble: Trouble, reason: string | null): void;
  /** Whether `error` says that nothing is to be waited for any more. */
  isFinal(error: unknown): boolean;
  /** The same promise; rejects when nothing is to be waited for any more. */
  orOver<T>(work: Promise<T>): Promise<T>;
}

/** What one part of this process has with Kafka: how long it has failed, and whether to try again. */
export class Trouble implements Disposable {
  readonly #reach: Troubles;
  readonly #doing: string;
  readonly #options: TroubleOptions;
  #attempts = 0;
  /** Monotonic ms of the first failure since it worked. */
  #failingSince: number | undefined;
  #reason = '';
  #timer: NodeJS.Timeout | undefined;
  #isTold = false;

  constructor(reach: Troubles, doing: string, options: TroubleOptions) {
    this.#reach = reach;
    this.#doing = doing;
    this.#options = options;
  }

  /** Waits until the next attempt is due. @throws the error that there is to be none. */
  async after(error: unknown): Promise<void> {
    if (this.#reach.isFinal(error)) throw error;
    const failure = asKafkaError(this.#doing, error);
    if (!isOutage(error)) throw failure;
    const { patienceMs, clock, random } = this.#options;
    this.fails(failure.message);
    const failingMs = clock.monotonic() - (this.#failingSince ?? 0);
    const isUnknown = isUnknownTopic(error);
    if (failingMs >= (isUnknown ? Math.min(patienceMs, unknownTopicMs) : patienceMs)) {
      const remedy = isUnknown
        ? 'is the topic there?'
        : 'start Kafka, or correct KAFKA_BROKERS; then run the command again';
      throw new KafkaError(`${failure.message}. Tried for ${formatDuration(failingMs)}: ${remedy}`, { cause: error });
    }
    const waitMs = fullJitter(this.#attempts, backoff, random);
    this.#attempts += 1;
    await this.#reach.orOver(clock.sleep(waitMs));
  }

  /** It does not work now. After a second of that, Kafka is out of reach. */
  fails(reason: string): void {
    this.#failingSince ??= this.#options.clock.monotonic();
    this.#reason = reason;
    if (this.#isTold) this.#reach.tell(this, reason);
    else this.#timer ??= setTimeout(() => this.#tell(), graceMs).unref();
  }

  /** It works again. */
  works(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#failingSince = undefined;
    this.#attempts = 0;
    if (this.#isTold) this.#reach.tell(this, null);
    this.#isTold = false;
  }

  [Symbol.dispose](): void {
    this.works();
  }

  #tell(): void {
    this.#isTold = true;
    this.#reach.tell(this, this.#reason);
  }
}
