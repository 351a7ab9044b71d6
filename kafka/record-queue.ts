import type { Commit } from './commit.ts';
import type { ConsumerRecord } from './topic.ts';

/** A record that is being handled. */
export interface InFlight {
  readonly record: ConsumerRecord;
  isDone: boolean;
}

/**
 * One partition's way from fetched to done: what waits, what is in hand, and what is done: all up to the oldest that is
 * not, and some ahead of that.
 *
 * The in-hand list begins with the oldest record that is not done and is at most `window` long, so never more than
 * that many finished records lie ahead of what is done without a gap.
 */
export class RecordQueue {
  readonly #window: number;
  readonly #end: bigint | undefined;
  /** Done ahead by who had the partition before us. */
  readonly #doneBefore: Set<bigint>;
  #waiting: ConsumerRecord[] = [];
  readonly #inFlight: InFlight[] = [];
  /** The offset that follows everything received, holes included. */
  #position: bigint;
  /** Whether something came to be done since `newlyDone` has told. */
  #hasNews = false;
  #told: bigint;

  /** @param end exclusive; records from there on are never started. */
  constructor({ offset, ahead }: Commit, window: number, end?: bigint) {
    this.#position = offset;
    this.#told = offset;
    this.#doneBefore = new Set(ahead);
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
    return this.#inFlight[0]?.record.offset ?? this.#waiting[0]?.offset ?? this.#position;
  }

  /** What is done, if that is more than at the last call: what there is to commit; otherwise null. */
  newlyDone(): Commit | null {
    const offset = this.doneUpTo;
    if (!this.#hasNews && offset <= this.#told) return null;
    this.#hasNews = false;
    this.#told = offset;
    const finished = this.#inFlight.filter(({ isDone }) => isDone).map(({ record }) => record.offset);
    return { offset, ahead: new Set([...finished, ...this.#doneBefore].filter((done) => done > offset)) };
  }

  /** Takes in consecutive records; `next` is the offset that follows them. What was received before is passed over. */
  receive(records: readonly ConsumerRecord[], next: bigint): void {
    const from = this.#position;
    this.#waiting = this.#waiting.concat(
      records
        .filter(({ offset, unusable }) => (unusable?.lastOffset ?? offset) >= from && !this.#doneBefore.has(offset))
        // A record that stands for a batch may begin before the first received offset.
        .map((record) => (record.offset < from ? { ...record, offset: from } : record)),
    );
    if (next > from) this.#position = next;
  }

  /**
   * The partition is ours again, and this is what its group has committed by now. What this process has done meanwhile stays
   * done, and what others have done is not handled here.
   */
  rejoin({ offset, ahead }: Commit): void {
    for (const done of ahead) this.#doneBefore.add(done);
    const isDone = (record: ConsumerRecord) =>
      (record.unusable?.lastOffset ?? record.offset) < offset || this.#doneBefore.has(record.offset);
    this.#waiting = this.#waiting.filter((record) => !isDone(record));
    for (const entry of this.#inFlight) entry.isDone ||= isDone(entry.record);
    this.#shiftDone();
    if (offset > this.#position) this.#position = offset;
    this.#told = offset;
    this.#hasNews = true;
  }

  /** The next record to handle, now in hand; null when none may be started. */
  start(): InFlight | null {
    const [record] = this.#waiting;
    if (!record || this.#inFlight.length >= this.#window) return null;
    if (this.#end !== undefined && record.offset >= this.#end) return null;
    this.#waiting.shift();
    const entry = { record, isDone: false };
    this.#inFlight.push(entry);
    return entry;
  }

  finish(entry: InFlight): void {
    entry.isDone = true;
    this.#hasNews = true;
    this.#shiftDone();
  }

  #shiftDone(): void {
    while (this.#inFlight[0]?.isDone) this.#inFlight.shift();
  }
}
