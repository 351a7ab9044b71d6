import {
  type ConsumerRecord,
  type Offsets,
  type PartitionHandler,
  type PartitionRecords,
  type PartitionSource,
  partitionKey,
  recordKey,
  type Sink,
} from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import { isRetriable, messageOf } from '../runtime/errors.ts';
import { waitFor } from '../runtime/leases.ts';
import type { Logger } from '../runtime/logger.ts';
import { fullJitter } from '../runtime/retry.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';
import type { DeadLetter } from '../schemas/records.ts';
import type { RawTopics } from '../schemas/topics.ts';
import type { LoadSettings } from '../warehouse/settings.ts';
import { FencedError, InvalidRowsError, type TopicId, type Warehouse } from '../warehouse/warehouse.ts';
import { AwaitedEnds } from './awaited-ends.ts';
import { deadLetterOf, type Failure, publishLetters } from './dead-letter.ts';
import { keepOffsets, MicroBatches, type Pending, toBatch } from './micro-batches.ts';
import { type SharedTopics, watchOthers } from './other-loaders.ts';
import { noReadableJson, tableOf, toRawRows, type Unreadable } from './raw-row.ts';

export interface LoaderPorts {
  readonly topics: RawTopics;
  /** Both raw topics. */
  readonly source: PartitionSource;
  readonly warehouse: Warehouse;
  readonly deadLetters: Sink<DeadLetter>;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly onLoaded?: (flush: Flush) => void;
  /** This number of records went to dead letters. */
  readonly onParked?: (records: number, reason: DeadLetterReason) => void;
  /** This number of bytes of documents waits for its flush. */
  readonly onBuffered?: (bytes: number) => void;
  /** Whether the warehouse accepts batches; called when that changes. */
  readonly onAvailable?: (isAvailable: boolean) => void;
  /** The view of the other loaders of these topics. Absent: this is the only loader, and no topic is created again. */
  readonly shared?: SharedTopics;
}

/** What one transaction loaded into BRONZE. */
export interface Flush {
  /** Without those that BRONZE already had at another offset. */
  readonly rows: number;
  readonly partitions: number;
  readonly ms: number;
}

export interface LoaderOptions {
  /** A micro-batch is due when it reaches one of these. */
  readonly limits: LoadSettings;
  /** Aborts to start the drain: the loader loads what it has collected, then `runLoader` resolves. */
  readonly signal: AbortSignal;
  /** Exclusive ends, known once upstream is done; the loader ends when the ledger has reached all of them, also through other loaders. */
  readonly until?: Promise<ReadonlyMap<string, Offsets>>;
}

const backoff = { baseMs: 250, capMs: 10_000 };
/** With waits of 5 s on average from the sixth attempt on: ten minutes, in addition to the waits inside the warehouse. */
const maxTries = 120;

/**
 * Raw topics → BRONZE: every offset is there exactly once, or in dead letters with its reason. At most two micro-batches
 * are in memory, one being loaded and one being filled; then reading pauses.
 * @throws the errors of the source, GapError if the awaited ends no longer exist, FencedError if another loader loads the same partitions, or a warehouse's final error.
 */
export async function runLoader(ports: LoaderPorts, options: LoaderOptions): Promise<void> {
  const loader = new Loader(ports, options);
  const signal = AbortSignal.any([options.signal, loader.ended]);
  options.until?.then(
    (ends) => loader.endAt(ends),
    (error) => loader.fail(error),
  );
  try {
    await ports.source.run(loader, { signal });
  } catch (error) {
    await loader.drain().catch(() => {});
    throw loader.failure ?? error;
  }
  await loader.drain();
}

/** An assigned partition. If it is revoked and assigned again, it is a new one. */
interface Assigned {
  readonly topicId: string;
  /** The offset at which the next records must begin; null while neither the ledger nor a record has set it. */
  next: bigint | null;
}

const invalidJson: Failure = { reason: 'invalid_json', message: noReadableJson, attempts: 1 };

class Loader implements PartitionHandler {
  readonly #ports: LoaderPorts;
  readonly #limits: LoadSettings;
  /** Aborts to start the drain. */
  readonly #stop: AbortSignal;
  readonly #ended = new AbortController();
  readonly #collected = new MicroBatches();
  readonly #assigned = new Map<string, Assigned>();
  readonly #awaited = new AwaitedEnds();
  /** The current flush; never rejects: a final error is in `failure`. */
  #flushing: Promise<void> = Promise.resolve();
  #ageTimer: AbortController | undefined;
  /** The message of the outage that was logged last; null while the warehouse takes batches. */
  #outage: string | null = null;
  failure: unknown;

  constructor(ports: LoaderPorts, { limits, signal }: LoaderOptions) {
    this.#ports = ports;
    this.#limits = limits;
    this.#stop = signal;
  }

  /** Aborts when all ends are reached, or after a final error. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  async position(topic: string, partition: number, topicId: string): Promise<bigint | null> {
    this.revoked(topic, partition);
    // Recorded before any wait: a late answer must not overwrite that of a later assignment.
    const assigned: Assigned = { topicId, next: null };
    this.#assigned.set(partitionKey({ topic, partition }), assigned);
    // A flush in progress may be moving this position.
    await this.#flushing;
    const positions = await this.#positions({ clusterId: this.#ports.clusterId, topic, topicId });
    this.#awaited.meet(topic, topicId);
    for (const [number, next] of positions) this.#awaited.note(topic, topicId, number, next);
    assigned.next = positions.get(partition) ?? null; // mutant: loader.late-position
    this.#endIfDone();
    return assigned.next;
  }

  async records({ topic, partition, records, next }: PartitionRecords): Promise<void> {
    const key = partitionKey({ topic, partition });
    const assigned = this.#assigned.get(key);
    const { readable, rows, unreadable } = toRawRows(this.#ports.topics, records, this.#ports.clock.now());
    if (unreadable.length > 0) await this.#park(unreadable); // mutant: loader.park-undecodable
    // The partition was revoked meanwhile: its new owner starts at the ledger's position, which includes these records.
    if (!assigned || this.#assigned.get(key) !== assigned) return; // mutant: loader.still-assigned
    const firstOffset = assigned.next ?? records[0]?.offset ?? next;
    assigned.next = next;
    const { clusterId, topics } = this.#ports;
    this.#collected.add({
      partition: { clusterId, topic, topicId: assigned.topicId, partition },
      table: tableOf(topics, topic),
      firstOffset,
      nextOffset: next,
      records: readable,
      rows,
    });
    this.#ports.onBuffered?.(this.#collected.bytes);
    await this.#flushIfDue();
  }

  revoked(topic: string, partition: number): void {
    this.#collected.drop({ topic, partition }); // mutant: loader.drop-revoked
    this.#ports.onBuffered?.(this.#collected.bytes);
    this.#assigned.delete(partitionKey({ topic, partition }));
  }

  /** The end cannot be determined: the loader loads what it has collected, and the run fails with `error`. */
  fail(error: unknown): void {
    this.failure ??= error;
    this.#ended.abort(error);
  }

  endAt(ends: ReadonlyMap<string, Offsets>): void {
    this.#awaited.waitFor(ends);
    this.#endIfDone();
    if (this.#isAllCollected()) void this.#startFlush();
    if (this.#ports.shared) void this.#watchOthers(this.#ports.shared).catch((error) => this.fail(error));
  }

  #watchOthers(shared: SharedTopics): Promise<void> {
    return watchOthers(this.#awaited, {
      shared,
      clock: this.#ports.clock,
      signal: AbortSignal.any([this.#stop, this.ended]),
      isOurs: (topic, partition) => this.#assigned.has(partitionKey({ topic, partition })),
      positions: (topic, topicId) => this.#positions({ clusterId: this.#ports.clusterId, topic, topicId }),
      onLooked: () => {
        this.#endIfDone();
        if (this.#areOursCollected()) void this.#startFlush();
      },
    });
  }

  /** Loads what is collected. @throws the final error, of this or an earlier flush. */
  async drain(): Promise<void> {
    await this.#startFlush(); // mutant: loader.drain
    await this.#flushing;
    this.#ageTimer?.abort();
    if (this.failure !== undefined) throw this.failure;
  }

  async #park(unreadable: readonly Unreadable[]): Promise<void> {
    const failedAt = new Date(this.#ports.clock.now());
    const letters = unreadable.map(({ record, failure }) => deadLetterOf(record, failure, failedAt));
    await publishLetters(this.#ports.deadLetters, letters);
    for (const { record, failure } of unreadable) {
      const { topic, partition, offset } = record;
      const { reason, message } = failure;
      this.#ports.onParked?.(1, reason);
      this.#ports.log.warn({ topic, partition, offset: offset.toString(), reason, message }, 'parked a raw record');
    }
  }

  async #flushIfDue(): Promise<void> {
    const { maxRows, maxBytes, maxAgeMs } = this.#limits;
    const isFull = this.#collected.rows >= maxRows || this.#collected.bytes >= maxBytes;
    if (isFull || this.#isAllCollected()) return this.#startFlush();
    if (this.#ageTimer || this.#collected.isEmpty) return;
    const timer = new AbortController();
    this.#ageTimer = timer;
    this.#ports.clock.sleep(maxAgeMs, timer.signal).then(
      () => this.#startFlush(),
      () => {},
    );
  }

  /** Resolves when the previous flush has ended and this one has begun: at most two micro-batches are in memory. */
  async #startFlush(): Promise<void> {
    this.#ageTimer?.abort();
    this.#ageTimer = undefined;
    const before = this.#flushing;
    this.#flushing = before.then(() => this.#flushCollected()); // mutant: loader.one-flush-at-a-time
    await before;
  }

  async #flushCollected(): Promise<void> {
    if (this.failure !== undefined || this.#collected.isEmpty) return;
    try {
      await this.#flush(this.#collected.take());
    } catch (error) {
      this.failure = error;
      this.#ended.abort(error);
    }
  }

  async #flush(taken: readonly Pending[]): Promise<void> {
    const started = this.#ports.clock.monotonic();
    this.#ports.onBuffered?.(this.#collected.bytes);
    // crash point: loader.batch-due
    const { loaded, rows } = await this.#append(taken); // mutant: loader.hint-after-rows
    // crash point: loader.committed
    this.#ports.onAvailable?.(true);
    this.#outage = null;
    for (const { partition, nextOffset } of loaded) {
      this.#awaited.note(partition.topic, partition.topicId, partition.partition, nextOffset);
    }
    const flush = { rows, partitions: loaded.length, ms: Math.round(this.#ports.clock.monotonic() - started) };
    this.#ports.log.info(flush, 'batch loaded');
    this.#ports.onLoaded?.(flush);
    await this.#hint(loaded);
    this.#endIfDone();
  }

  /**
   * Retries until the warehouse has accepted the batches. @returns those that it accepted, without those loaded by another loader, and
   * the number of rows that it added.
   */
  async #append(taken: readonly Pending[]): Promise<{ loaded: readonly Pending[]; rows: number }> {
    let pending = taken;
    const startedAt = this.#ports.clock.monotonic();
    for (let tries = 1; ; tries += 1) {
      try {
        const rows = pending.length > 0 ? await this.#ports.warehouse.append(pending.map(toBatch)) : 0;
        return { loaded: pending, rows };
      } catch (error) {
        if (error instanceof FencedError)
          pending = await this.#realign(pending, error); // mutant: loader.fenced
        else if (error instanceof InvalidRowsError) pending = await this.#parkRows(pending, error);
        else if (this.#mayTryAgain(error, tries, startedAt)) await this.#waitAfter(error, tries);
        else throw error;
      }
    }
  }

  /** Retries until the warehouse answers. */
  async #positions(topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
    const startedAt = this.#ports.clock.monotonic();
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#ports.warehouse.positions(topic);
      } catch (error) {
        if (!this.#mayTryAgain(error, tries, startedAt)) throw error;
        await this.#waitAfter(error, tries);
      }
    }
  }

  /** Even if attempts fail fast, the loader retries for longer than a dead loader's lock can last. */
  #mayTryAgain(error: unknown, tries: number, startedAt: number): boolean {
    const isTimedOut = tries >= maxTries && this.#ports.clock.monotonic() - startedAt >= waitFor('transaction', 0);
    return isRetriable(error) && !isTimedOut && !this.#stop.aborted;
  }

  async #waitAfter(error: unknown, tries: number): Promise<void> {
    const waitMs = Math.round(fullJitter(tries - 1, backoff, this.#ports.random));
    this.#ports.onAvailable?.(false);
    const text = messageOf(error);
    const level = text === this.#outage ? 'debug' : 'warn';
    this.#outage = text;
    this.#ports.log[level]({ tries, waitMs, error: text }, 'warehouse unavailable; retrying');
    // While draining, it tries once more and then ends: the records stay in the topic.
    await this.#ports.clock.sleep(waitMs, this.#stop).catch(() => {});
  }

  /**
   * Some of these offsets are already loaded: by this loader, if the reply to a commit was lost, or by another one, if the
   * partition was reassigned during the flush. The batch continues where those end.
   * @throws the error itself if the ledger is behind this loader: then rows are missing that it does not have.
   */
  async #realign(pending: readonly Pending[], error: FencedError): Promise<readonly Pending[]> {
    const { topic, partition } = error.partition;
    const position = (await this.#positions(error.partition)).get(partition); // mutant: loader.fenced-position
    this.#ports.log.warn(
      { topic, partition, position: position?.toString() },
      'fenced: these offsets were already loaded',
    );
    if (position !== undefined) this.#awaited.note(error.partition.topic, error.partition.topicId, partition, position);
    return pending.flatMap((one) => {
      if (one.partition.topic !== topic || one.partition.partition !== partition) return [one]; // mutant: loader.other-partitions
      if (position === undefined || position <= one.firstOffset) throw error;
      if (position >= one.nextOffset) return []; // mutant: loader.loaded-batch
      return [{ ...keepOffsets(one, (offset) => offset >= position), firstOffset: position }]; // mutant: loader.not-yet-loaded
    });
  }

  /** Parks the rows that the warehouse cannot store, before the position moves past them. */
  async #parkRows(pending: readonly Pending[], error: InvalidRowsError): Promise<readonly Pending[]> {
    const invalid = new Set(
      error.rows.map(({ partition, kafkaOffset }) => recordKey({ ...partition, offset: kafkaOffset })),
    );
    const isInvalid = (record: ConsumerRecord) => invalid.has(recordKey(record)); // mutant: loader.invalid-row
    const unreadable = pending.flatMap(({ records }) =>
      records.filter(isInvalid).map((record) => ({ record, failure: invalidJson })),
    );
    // There is nothing to park: without this, the same batch would be refused for ever.
    if (unreadable.length === 0) throw error;
    await this.#park(unreadable); // mutant: loader.park-invalid
    return pending.map((one) => {
      return keepOffsets(one, (offset) => !invalid.has(recordKey({ ...one.partition, offset })));
    });
  }

  /** Commits the position to Kafka for lag tools. If that fails, the next flush commits a newer one. */
  async #hint(loaded: readonly Pending[]): Promise<void> {
    for (const topic of new Set(loaded.map(({ partition }) => partition.topic))) {
      const ofTopic = loaded.filter(({ partition }) => partition.topic === topic);
      const next = new Map(ofTopic.map(({ partition, nextOffset }) => [partition.partition, nextOffset]));
      await this.#ports.source.commit(topic, next).catch((error) => {
        this.#ports.log.info({ topic, error: messageOf(error) }, 'could not commit the position to Kafka');
      });
    }
  }

  #endIfDone(): void {
    if (this.#awaited.isReached()) this.#ended.abort();
  }

  /** No more records will come: what is collected is due, whatever its size and age. */
  #isAllCollected(): boolean {
    return this.#awaited.isReached((topic, partition) => this.#collectedTo(topic, partition));
  }

  /** The same for our own partitions: another loader that waits for its end may be waiting for these. */
  #areOursCollected(): boolean {
    return this.#awaited.isReached((topic, partition, end) =>
      this.#assigned.has(partitionKey({ topic, partition })) ? this.#collectedTo(topic, partition) : end,
    );
  }

  #collectedTo(topic: string, partition: number): bigint | undefined {
    return this.#assigned.get(partitionKey({ topic, partition }))?.next ?? this.#awaited.position(topic, partition);
  }
}
