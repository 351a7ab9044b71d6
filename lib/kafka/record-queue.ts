import type { ConsumerRecord } from './topic.ts';

/** A record that is being handled. */
export interface InHand {
  readonly record: ConsumerRecord;
  isDone: boolean;
}

/**
 * One partition's way from fetched to done: what waits, what is in hand, and how far all is done without a gap.
 *
 * The in-hand list begins with the oldest record that is not done and is at most `window` long, so never more than
 * that many finished records lie beyond what can be committed.
 */
export class RecordQueue {
  readonly #window: number;
  readonly #end: bigint | undefined;
  #waiting: ConsumerRecord[] = [];
  readonly #inHand: InHand[] = [];
  /** The offset that follows everything received, holes included. */
  #position: bigint;
  /** Up to where `newlyDone` has told. */
  #told: bigint;

  /** @param end exclusive; records from there on are never started. */
  constructor(position: bigint, window: number, end?: bigint) {
    this.#position = position;
    this.#told = position;
    this.#window = window;
    this.#end = end;
  }

  /** The offset to be fetched next. */
  get position(): bigint {
    return this.#position;
  }

  /** Records received and not started. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** All below is done. */
  get doneUpTo(): bigint {
    return this.#inHand[0]?.record.offset ?? this.#waiting[0]?.offset ?? this.#position;
  }

  /** `doneUpTo` if it has moved since the last call, which is what there is to commit; otherwise null. */
  newlyDone(): bigint | null {
    const done = this.doneUpTo;
    if (done <= this.#told) return null;
    this.#told = done;
    return done;
  }

  /** Takes in consecutive records; `next` is the offset that follows them. What was received before is passed over. */
  receive(records: readonly ConsumerRecord[], next: bigint): void {
    const from = this.#position;
    this.#waiting = this.#waiting.concat(records.filter(({ offset }) => offset >= from));
    if (next > from) this.#position = next;
  }

  /** The next record to handle, now in hand; null when none may be started. */
  start(): InHand | null {
    const [record] = this.#waiting;
    if (!record || this.#inHand.length >= this.#window) return null;
    if (this.#end !== undefined && record.offset >= this.#end) return null;
    this.#waiting.shift();
    const entry = { record, isDone: false };
    this.#inHand.push(entry);
    return entry;
  }

  finish(entry: InHand): void {
    entry.isDone = true;
    while (this.#inHand[0]?.isDone) this.#inHand.shift();
  }
}
