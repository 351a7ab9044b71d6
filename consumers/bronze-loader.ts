import type { Clock } from '../lib/clock.ts';
import { isRetriable, messageOf } from '../lib/errors.ts';
import type {
  ConsumerRecord,
  Offsets,
  PartitionHandler,
  PartitionRecords,
  PartitionSource,
  Sink,
} from '../lib/kafka/topic.ts';
import type { Logger } from '../lib/logger.ts';
import { fullJitter } from '../lib/retry.ts';
import { FencedError, InvalidRowsError, type Warehouse } from '../lib/warehouse/warehouse.ts';
import { type Codec, DecodeError } from '../schemas/codec.ts';
import type { DeadLetter, DeadLetterReason, RawGenres, RawMovie } from '../schemas/records.ts';
import { type TopicName, topics } from '../schemas/topics.ts';
import { deadLetterOf } from './dead-letter.ts';
import { type LoadedRow, MicroBatches, type Pending, toBatch } from './micro-batches.ts';

export interface BronzeLoaderPorts {
  /** Both raw topics. */
  readonly source: PartitionSource;
  readonly movieCodec: Codec<RawMovie>;
  readonly genresCodec: Codec<RawGenres>;
  readonly warehouse: Warehouse;
  readonly deadLetters: Sink<DeadLetter>;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly onLoaded?: (flush: Flush) => void;
}

/** When a micro-batch is due: whichever comes first. */
export interface LoadLimits {
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
  /** Exclusive ends, known once upstream is done; the loader ends when the ledger has reached all of them. */
  readonly until?: Promise<ReadonlyMap<TopicName, Offsets>>;
}

const backoff = { baseMs: 250, capMs: 10_000 };
/** With waits of 5 s on average from the sixth on: about ten minutes of a warehouse out of reach. */
const maxTries = 120;

/**
 * Raw topics → BRONZE: every offset is there exactly once, or in dead letters with its reason. At most two micro-batches
 * are in memory, one on its way and one filling; then reading waits.
 * @throws what the source throws, FencedError when somebody else loads the same partitions, or a warehouse's final error.
 */
export async function runBronzeLoader(ports: BronzeLoaderPorts, options: BronzeLoaderOptions): Promise<void> {
  const loader = new BronzeLoader(ports, options.limits);
  const signal = AbortSignal.any([options.signal, loader.ended]);
  options.until?.then((ends) => loader.endAt(ends)).catch(() => {});
  try {
    await ports.source.run(loader, { signal });
  } catch (error) {
    await loader.drain().catch(() => {});
    throw loader.failure ?? error;
  }
  await loader.drain();
}

const keyOf = (topic: string, partition: number) => `${topic}/${partition}`;

class BronzeLoader implements PartitionHandler {
  readonly #ports: BronzeLoaderPorts;
  readonly #limits: LoadLimits;
  readonly #ended = new AbortController();
  readonly #collected = new MicroBatches();
  /** The offset that the next records of a partition have to begin at; absent where the ledger knows none. */
  readonly #expected = new Map<string, bigint>();
  /** Positions as the ledger has them, as far as we know. */
  readonly #inLedger = new Map<string, bigint>();
  #ends: ReadonlyMap<TopicName, Offsets> | undefined;
  /** The flush under way; never rejects: what failed for good is in `failure`. */
  #flushing: Promise<void> = Promise.resolve();
  #ageTimer: AbortController | undefined;
  failure: unknown;

  constructor(ports: BronzeLoaderPorts, limits: LoadLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  /** Aborts when all ends are reached or something failed for good. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  async position(topic: TopicName, partition: number): Promise<bigint | null> {
    // A flush under way may be moving this very position.
    await this.#flushing;
    const positions = await this.#ports.warehouse.positions(this.#ports.clusterId, topic);
    for (const [number, next] of positions) this.#inLedger.set(keyOf(topic, number), next);
    const next = positions.get(partition);
    this.#collected.drop({ topic, partition });
    if (next !== undefined) this.#expected.set(keyOf(topic, partition), next);
    this.#endIfDone();
    return next ?? null;
  }

  async records(batch: PartitionRecords): Promise<void> {
    const { topic, partition, records, next } = batch;
    const key = keyOf(topic, partition);
    const firstOffset = this.#expected.get(key) ?? records[0]?.offset ?? next;
    const rows: LoadedRow[] = [];
    for (const record of records) {
      const loaded = this.#decode(record);
      if (loaded instanceof DecodeError) await this.#park([record], 'undecodable_record', loaded.message);
      else rows.push(loaded);
    }
    this.#expected.set(key, next);
    const { clusterId } = this.#ports;
    this.#collected.add({ partition: { clusterId, topic, partition }, firstOffset, nextOffset: next, rows });
    await this.#flushIfFull();
  }

  revoked(topic: TopicName, partition: number): void {
    this.#collected.drop({ topic, partition });
    this.#expected.delete(keyOf(topic, partition));
  }

  endAt(ends: ReadonlyMap<TopicName, Offsets>): void {
    this.#ends = ends;
    this.#endIfDone();
  }

  /** Loads what is collected. @throws what failed for good, now or before. */
  async drain(): Promise<void> {
    await this.#startFlush();
    await this.#flushing;
    this.#ageTimer?.abort();
    if (this.failure !== undefined) throw this.failure;
  }

  #decode(record: ConsumerRecord): LoadedRow | DecodeError {
    const { movieCodec, genresCodec } = this.#ports;
    const { topic, offset: kafkaOffset, value } = record;
    if (value === null) return new DecodeError('the record has no value');
    try {
      return topic === topics.rawGenres
        ? { table: 'raw_genres', record, row: { kafkaOffset, ...genresCodec.decode(value) } }
        : { table: 'raw_movies', record, row: { kafkaOffset, ...movieCodec.decode(value) } };
    } catch (error) {
      if (error instanceof DecodeError) return error;
      throw error;
    }
  }

  async #park(records: readonly ConsumerRecord[], reason: DeadLetterReason, message: string): Promise<void> {
    const failure = { reason, message, attempts: 1 };
    const failedAt = new Date(this.#ports.clock.now());
    await this.#ports.deadLetters.publish(records.map((record) => deadLetterOf(record, failure, failedAt)));
    for (const { topic, partition, offset } of records) {
      this.#ports.log.warn({ topic, partition, offset: offset.toString(), ...failure }, 'parked a raw record');
    }
  }

  async #flushIfFull(): Promise<void> {
    const { maxRows, maxBytes, maxAgeMs } = this.#limits;
    if (this.#collected.rows >= maxRows || this.#collected.bytes >= maxBytes) return this.#startFlush();
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
    const loaded = await this.#append(taken);
    for (const { partition, nextOffset } of loaded) {
      this.#inLedger.set(keyOf(partition.topic, partition.partition), nextOffset);
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
    for (let tries = 1; ; tries += 1) {
      try {
        if (pending.length > 0) await this.#ports.warehouse.append(pending.map(toBatch));
        return pending;
      } catch (error) {
        if (error instanceof FencedError) pending = await this.#realign(pending, error);
        else if (error instanceof InvalidRowsError) pending = await this.#parkRows(pending, error);
        else if (isRetriable(error) && tries < maxTries) await this.#waitAfter(error, tries);
        else throw error;
      }
    }
  }

  async #waitAfter(error: unknown, tries: number): Promise<void> {
    const waitMs = Math.round(fullJitter(tries - 1, backoff, this.#ports.random));
    this.#ports.log.warn(
      { tries, waitMs, error: messageOf(error) },
      'the warehouse did not take a batch, trying again',
    );
    await this.#ports.clock.sleep(waitMs);
  }

  /**
   * Some of these offsets are loaded: by ourselves, when the reply to a commit was lost, or by another loader, when the
   * partition changed hands in mid flush. Ours begin where those end. @throws the error itself when the ledger is behind us: then rows are missing that we do not have.
   */
  async #realign(pending: readonly Pending[], error: FencedError): Promise<readonly Pending[]> {
    const { clusterId, topic, partition } = error.partition;
    const position = (await this.#ports.warehouse.positions(clusterId, topic)).get(partition);
    this.#ports.log.warn(
      { topic, partition, position: position?.toString() },
      'fenced: these offsets were loaded already',
    );
    if (position !== undefined) this.#inLedger.set(keyOf(topic, partition), position);
    return pending.flatMap((one) => {
      if (one.partition.topic !== topic || one.partition.partition !== partition) return [one];
      if (position === undefined || position <= one.firstOffset) throw error;
      if (position >= one.nextOffset) return [];
      return [{ ...one, firstOffset: position, rows: one.rows.filter(({ row }) => row.kafkaOffset >= position) }];
    });
  }

  /** Rows that the warehouse cannot hold go to dead letters, before the position moves past them. */
  async #parkRows(pending: readonly Pending[], { rows: invalid }: InvalidRowsError): Promise<readonly Pending[]> {
    const addresses = new Set(
      invalid.map(({ partition, kafkaOffset }) => `${keyOf(partition.topic, partition.partition)}/${kafkaOffset}`),
    );
    const isInvalid = ({ record }: LoadedRow) =>
      addresses.has(`${keyOf(record.topic, record.partition)}/${record.offset}`);
    const records = pending.flatMap(({ rows }) => rows.filter(isInvalid).map(({ record }) => record));
    await this.#park(records, 'invalid_json', 'the document is no JSON that the warehouse can read');
    return pending.map((one) => ({ ...one, rows: one.rows.filter((loaded) => !isInvalid(loaded)) }));
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
    if (!this.#ends) return;
    const isReached = (topic: TopicName, ends: Offsets) =>
      [...ends].every(([partition, end]) => end === 0n || (this.#inLedger.get(keyOf(topic, partition)) ?? 0n) >= end);
    if ([...this.#ends].every(([topic, ends]) => isReached(topic, ends))) this.#ended.abort();
  }
}
