import type {
  ConsumerRecord,
  Offsets,
  PartitionHandler,
  PartitionRecords,
  PartitionSource,
  Sink,
} from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import { isRetriable, messageOf } from '../runtime/errors.ts';
import { waitFor } from '../runtime/leases.ts';
import type { Logger } from '../runtime/logger.ts';
import { fullJitter } from '../runtime/retry.ts';
import type { DeadLetter, DeadLetterReason } from '../schemas/records.ts';
import type { TopicName } from '../schemas/topics.ts';
import { FencedError, InvalidRowsError, type TopicId, type Warehouse } from '../warehouse/warehouse.ts';
import { AwaitedEnds } from './awaited-ends.ts';
import { deadLetterOf, type Failure, publishLetters } from './dead-letter.ts';
import { keepOffsets, MicroBatches, type Pending, toBatch } from './micro-batches.ts';
import { type SharedTopics, watchOthers } from './other-loaders.ts';
import { noReadableJson, type RawCodecs, toRawRows, type Unreadable } from './raw-row.ts';

export interface BronzeLoaderPorts extends RawCodecs {
  /** Both raw topics. */
  readonly source: PartitionSource;
  readonly warehouse: Warehouse;
  readonly deadLetters: Sink<DeadLetter>;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly onLoaded?: (flush: Flush) => void;
  /** So many records went to dead letters. */
  readonly onParked?: (records: number, reason: DeadLetterReason) => void;
  /** So many bytes of documents wait for their flush. */
  readonly onBuffered?: (bytes: number) => void;
  /** Whether the warehouse takes batches; told when that changes. */
  readonly onAvailable?: (isAvailable: boolean) => void;
  /** The topics as other loaders of them see them. Absent: this is the only loader, and no topic is created again. */
  readonly shared?: SharedTopics;
}

/** When a micro-batch is due: whichever comes first. */
interface LoadLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** What one transaction put into BRONZE. */
export interface Flush {
  readonly rows: number;
  readonly partitions: number;
  readonly ms: number;
}

export interface BronzeLoaderOptions {
  readonly limits: LoadLimits;
  /** Aborts when the loader is to drain: what is collected is loaded, then `runBronzeLoader` resolves. */
  readonly signal: AbortSignal;
  /** Exclusive ends, known once upstream is done; the loader ends when the ledger has reached all of them, including by other loaders. */
  readonly until?: Promise<ReadonlyMap<TopicName, Offsets>>;
}

const backoff = { baseMs: 250, capMs: 10_000 };
/** With waits of 5 s on average from the sixth on: ten minutes, beside what the warehouse itself waits before it fails. */
const maxTries = 120;

/**
 * Raw topics → BRONZE: every offset is there exactly once, or in dead letters with its reason. At most two micro-batches
 * are in memory, one on its way and one filling; then reading waits.
 * @throws what the source throws, GapError when the ends that it waits for are gone, FencedError when somebody else loads the same partitions, or a warehouse's final error.
 */
export async function runBronzeLoader(ports: BronzeLoaderPorts, options: BronzeLoaderOptions): Promise<void> {
  const loader = new BronzeLoader(ports, options);
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

const keyOf = (topic: string, partition: number) => `${topic}/${partition}`;

const addressOf = (topic: string, partition: number, offset: bigint) => `${topic}/${partition}/${offset}`;

/** A partition while it is ours; taken away and given again, it is another. */
interface Assigned {
  readonly topicId: string;
  /** The offset that the next records have to begin at; null where neither the ledger nor a record has told yet. */
  next: bigint | null;
}

const invalidJson: Failure = { reason: 'invalid_json', message: noReadableJson, attempts: 1 };

class BronzeLoader implements PartitionHandler {
  readonly #ports: BronzeLoaderPorts;
  readonly #limits: LoadLimits;
  /** Aborts when the loader is to drain. */
  readonly #stop: AbortSignal;
  readonly #ended = new AbortController();
  readonly #collected = new MicroBatches();
  readonly #assigned = new Map<string, Assigned>();
  readonly #awaited = new AwaitedEnds();
  /** The flush under way; never rejects: what failed for good is in `failure`. */
  #flushing: Promise<void> = Promise.resolve();
  #ageTimer: AbortController | undefined;
  /** The message of the outage that was logged last; null while the warehouse takes batches. */
  #outage: string | null = null;
  failure: unknown;

  constructor(ports: BronzeLoaderPorts, { limits, signal }: BronzeLoaderOptions) {
    this.#ports = ports;
    this.#limits = limits;
    this.#stop = signal;
  }

  /** Aborts when all ends are reached or something failed for good. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  async position(topic: TopicName, partition: number, topicId: string): Promise<bigint | null> {
    this.revoked(topic, partition);
    // Known from here on: an answer that comes after that of a later assignment must not take its place.
    const assigned: Assigned = { topicId, next: null };
    this.#assigned.set(keyOf(topic, partition), assigned);
    // A flush under way may be moving this very position.
    await this.#flushing;
    const positions = await this.#positions({ clusterId: this.#ports.clusterId, topic, topicId });
    this.#awaited.meet(topic, topicId);
    for (const [number, next] of positions) this.#awaited.note(topic, topicId, number, next);
    assigned.next = positions.get(partition) ?? null;
    this.#endIfDone();
    return assigned.next;
  }

  async records({ topic, partition, records, next }: PartitionRecords): Promise<void> {
    const key = keyOf(topic, partition);
    const assigned = this.#assigned.get(key);
    const { readable, rows, unreadable } = toRawRows(this.#ports, records, this.#ports.clock.now());
    if (unreadable.length > 0) await this.#park(unreadable);
    // Taken away meanwhile: whoever has it now begins at the ledger's position, these records included.
    if (!assigned || this.#assigned.get(key) !== assigned) return;
    const firstOffset = assigned.next ?? records[0]?.offset ?? next;
    assigned.next = next;
    const { clusterId } = this.#ports;
    this.#collected.add({
      partition: { clusterId, topic, topicId: assigned.topicId, partition },
      firstOffset,
      nextOffset: next,
      records: readable,
      rows,
    });
    this.#ports.onBuffered?.(this.#collected.bytes);
    await this.#flushIfDue();
  }

  revoked(topic: TopicName, partition: number): void {
    this.#collected.drop({ topic, partition });
    this.#ports.onBuffered?.(this.#collected.bytes);
    this.#assigned.delete(keyOf(topic, partition));
  }

  /** Nobody can say where to end: what is collected is loaded, and the run fails with `error`. */
  fail(error: unknown): void {
    this.failure ??= error;
    this.#ended.abort(error);
  }

  endAt(ends: ReadonlyMap<TopicName, Offsets>): void {
    this.#awaited.waitFor(ends);
    this.#endIfDone();
    if (this.#isAllCollected()) void this.#startFlush();
    if (this.#ports.shared) void this.#watchOthers(this.#ports.shared).catch((error) => this.fail(error));
  }

  #watchOthers(shared: SharedTopics): Promise<void> {
    return watchOthers(this.#awaited, {
      shared,
      clock: this.#ports.clock,
      isOver: AbortSignal.any([this.#stop, this.ended]),
      isOurs: (topic, partition) => this.#assigned.has(keyOf(topic, partition)),
      positions: (topic, topicId) => this.#positions({ clusterId: this.#ports.clusterId, topic, topicId }),
      onLooked: () => {
        this.#endIfDone();
        if (this.#areOursCollected()) void this.#startFlush();
      },
    });
  }

  /** Loads what is collected. @throws what failed for good, now or before. */
  async drain(): Promise<void> {
    await this.#startFlush();
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

  /** Resolves when the flush before it is over and its own has begun: two micro-batches in memory at most. */
  async #startFlush(): Promise<void> {
    this.#ageTimer?.abort();
    this.#ageTimer = undefined;
    const before = this.#flushing;
    this.#flushing = before.then(() => this.#flushCollected());
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
    const loaded = await this.#append(taken);
    // crash point: loader.committed
    this.#ports.onAvailable?.(true);
    this.#outage = null;
    for (const { partition, nextOffset } of loaded) {
      this.#awaited.note(partition.topic, partition.topicId, partition.partition, nextOffset);
    }
    const rows = loaded.reduce((sum, pending) => sum + pending.rows.length, 0);
    const flush = { rows, partitions: loaded.length, ms: Math.round(this.#ports.clock.monotonic() - started) };
    this.#ports.log.info(flush, 'batch loaded');
    this.#ports.onLoaded?.(flush);
    await this.#hint(loaded);
    this.#endIfDone();
  }

  /** Appends until the warehouse has taken it. @returns what it took, less what somebody else had loaded. */
  async #append(taken: readonly Pending[]): Promise<readonly Pending[]> {
    let pending = taken;
    const startedAt = this.#ports.clock.monotonic();
    for (let tries = 1; ; tries += 1) {
      try {
        if (pending.length > 0) await this.#ports.warehouse.append(pending.map(toBatch));
        return pending;
      } catch (error) {
        if (error instanceof FencedError) pending = await this.#realign(pending, error);
        else if (error instanceof InvalidRowsError) pending = await this.#parkRows(pending, error);
        else if (this.#mayTryAgain(error, tries, startedAt)) await this.#waitAfter(error, tries);
        else throw error;
      }
    }
  }

  /** Asks until the warehouse answers. */
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

  /** However fast the attempts fail, they continue for longer than a dead loader's lock can last. */
  #mayTryAgain(error: unknown, tries: number, startedAt: number): boolean {
    const isOver = tries >= maxTries && this.#ports.clock.monotonic() - startedAt >= waitFor('transaction', 0);
    return isRetriable(error) && !isOver && !this.#stop.aborted;
  }

  async #waitAfter(error: unknown, tries: number): Promise<void> {
    const waitMs = Math.round(fullJitter(tries - 1, backoff, this.#ports.random));
    this.#ports.onAvailable?.(false);
    const text = messageOf(error);
    const level = text === this.#outage ? 'debug' : 'warn';
    this.#outage = text;
    this.#ports.log[level]({ tries, waitMs, error: text }, 'the warehouse is out of reach, trying again');
    // Told to stop, it tries once more and leaves: what it could not load is still in the topic.
    await this.#ports.clock.sleep(waitMs, this.#stop).catch(() => {});
  }

  /**
   * Some of these offsets are loaded: by ourselves, when the reply to a commit was lost, or by another loader, when the
   * partition changed hands in mid flush. Ours begin where those end.
   * @throws the error itself when the ledger is behind us: then rows are missing that we do not have.
   */
  async #realign(pending: readonly Pending[], error: FencedError): Promise<readonly Pending[]> {
    const { topic, partition } = error.partition;
    const position = (await this.#positions(error.partition)).get(partition);
    this.#ports.log.warn(
      { topic, partition, position: position?.toString() },
      'fenced: these offsets were loaded already',
    );
    if (position !== undefined)
      this.#awaited.note(error.partition.topic as TopicName, error.partition.topicId, partition, position);
    return pending.flatMap((one) => {
      if (one.partition.topic !== topic || one.partition.partition !== partition) return [one];
      if (position === undefined || position <= one.firstOffset) throw error;
      if (position >= one.nextOffset) return [];
      return [{ ...keepOffsets(one, (offset) => offset >= position), firstOffset: position }];
    });
  }

  /** Rows that the warehouse cannot hold go to dead letters, before the position moves past them. */
  async #parkRows(pending: readonly Pending[], error: InvalidRowsError): Promise<readonly Pending[]> {
    const invalid = new Set(
      error.rows.map(({ partition, kafkaOffset }) => addressOf(partition.topic, partition.partition, kafkaOffset)),
    );
    const isInvalid = ({ topic, partition, offset }: ConsumerRecord) =>
      invalid.has(addressOf(topic, partition, offset));
    const unreadable = pending.flatMap(({ records }) =>
      records.filter(isInvalid).map((record) => ({ record, failure: invalidJson })),
    );
    // Nothing to be parked: without this, the same batch would be refused for ever.
    if (unreadable.length === 0) throw error;
    await this.#park(unreadable);
    return pending.map((one) => {
      const { topic, partition } = one.partition;
      return keepOffsets(one, (offset) => !invalid.has(addressOf(topic, partition, offset)));
    });
  }

  /** Kafka may know how far we are; when it cannot be told, the next flush tells it more. */
  async #hint(loaded: readonly Pending[]): Promise<void> {
    for (const topic of new Set(loaded.map(({ partition }) => partition.topic))) {
      const ofTopic = loaded.filter(({ partition }) => partition.topic === topic);
      const next = new Map(ofTopic.map(({ partition, nextOffset }) => [partition.partition, nextOffset]));
      await this.#ports.source.commit(topic, next).catch((error) => {
        this.#ports.log.info({ topic, error: messageOf(error) }, 'could not tell Kafka how far the ledger is');
      });
    }
  }

  #endIfDone(): void {
    if (this.#awaited.isReached()) this.#ended.abort();
  }

  /** Nothing else will come: what is collected is due whatever its size and age. */
  #isAllCollected(): boolean {
    return this.#awaited.isReached((topic, partition) => this.#collectedTo(topic, partition));
  }

  /** The same of our partitions: another loader that waits for its end may be waiting for these. */
  #areOursCollected(): boolean {
    return this.#awaited.isReached((topic, partition, end) =>
      this.#assigned.has(keyOf(topic, partition)) ? this.#collectedTo(topic, partition) : end,
    );
  }

  #collectedTo(topic: TopicName, partition: number): bigint | undefined {
    return this.#assigned.get(keyOf(topic, partition))?.next ?? this.#awaited.position(topic, partition);
  }
}
