import type { Commit } from './commit.ts';
import type { ConsumerRecord } from './topic.ts';

/** A record that is being handled, or that is done ahead of an earlier one. */
export interface InFlight {
  readonly record: ConsumerRecord;
  isDone: boolean;
}

/**
 * The records of one partition from fetched to done: waiting, in flight, and done. All below the oldest unfinished record
 * are done, and some are done ahead of it.
 *
 * The list in flight begins with the oldest unfinished record and has at most `window` entries, so at most that many
 * finished records are ahead of it.
 */
export class RecordQueue {
  readonly #window: number;
  readonly #end: bigint | undefined;
  /** Offsets that an earlier owner of the partition has done ahead. */
  readonly #doneBefore: Set<bigint>;
  #waiting: ConsumerRecord[] = [];
  readonly #inFlight: InFlight[] = [];
  /** The offset that follows everything received, holes included. */
  #position: bigint;
  /** Whether a record finished since the last call of `newlyDone`. */
  #isChanged = false;
  #reported: bigint;
  /** Exclusive: below it, earlier commits are lost. */
  readonly #uncertainUntil: bigint;

  /** @param end exclusive; records from there on are never started. */
  constructor({ offset, ahead, uncertainUntil = 0n }: Commit, window: number, end?: bigint) {
    this.#position = offset;
    this.#reported = offset;
    this.#doneBefore = new Set(ahead);
    this.#uncertainUntil = uncertainUntil;
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

  /** All offsets below it are done. */
  get doneUpTo(): bigint {
    return this.#inFlight[0]?.record.offset ?? this.#waiting[0]?.offset ?? this.#position; // mutant: fetcher.position
  }

  /** What to commit, if more is done than at the last call; otherwise null. */
  newlyDone(): Commit | null {
    const offset = this.doneUpTo;
    if (!this.#isChanged && offset <= this.#reported) return null;
    this.#isChanged = false;
    this.#reported = offset;
    const finished = this.#inFlight.filter(({ isDone }) => isDone).map(({ record }) => record.offset); // mutant: fetcher.only-finished
    const ahead = new Set([...finished, ...this.#doneBefore].filter((done) => done > offset)); // mutant: fetcher.done-ahead
    return { offset, ahead, ...(this.#uncertainUntil > offset && { uncertainUntil: this.#uncertainUntil }) };
  }

  /** Adds consecutive records; `next` is the offset that follows them. Ignores records that were received before. */
  receive(records: readonly ConsumerRecord[], next: bigint): void {
    const from = this.#position;
    this.#waiting = this.#waiting.concat(
      records
        .filter(({ offset, unusable }) => (unusable?.lastOffset ?? offset) >= from && !this.#doneBefore.has(offset))
        // A record that stands for a batch may begin before the first received offset.
        .map((record) => (record.offset < from ? { ...record, offset: from } : record))
        .map((record) => (record.offset < this.#uncertainUntil ? { ...record, mayBeFinished: true as const } : record)),
    );
    if (next > from) this.#position = next;
  }

  /**
   * The partition is assigned to this member again, and its group has committed this meanwhile. Records that this process
   * finished meanwhile stay done, and records that other members finished are not handled here.
   */
  rejoin({ offset, ahead }: Commit): void {
    for (const done of ahead) this.#doneBefore.add(done);
    const isDone = (record: ConsumerRecord) =>
      (record.unusable?.lastOffset ?? record.offset) < offset || this.#doneBefore.has(record.offset);
    this.#waiting = this.#waiting.filter((record) => !isDone(record));
    for (const entry of this.#inFlight) entry.isDone ||= isDone(entry.record);
    this.#shiftDone();
    if (offset > this.#position) this.#position = offset;
    this.#reported = offset;
    this.#isChanged = true;
  }

  /** Moves the next waiting record into flight; null if none may start. */
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
    this.#isChanged = true;
    this.#shiftDone();
  }

  #shiftDone(): void {
    while (this.#inFlight[0]?.isDone) this.#inFlight.shift();
  }
}
