import type { Kafka } from 'kafkajs';
import type { TopicName } from '../../schemas/topics.ts';
import { createAdmin, type TopicOffsets } from './admin.ts';
import { GapError } from './errors.ts';
import {
  type FetchedBatch,
  type GroupSettings,
  type Member,
  runMember,
  type TopicPartitions,
  toConsumerRecord,
  whenAborted,
} from './group-member.ts';
import type { Offsets, PartitionHandler, PartitionSource } from './topic.ts';

export interface PartitionSourceOptions extends Partial<GroupSettings> {
  readonly kafka: Kafka;
  readonly group: string;
  readonly topics: readonly TopicName[];
  /** With the handler busy with one batch for so long, signs of life are not passed on. Standard: never. */
  readonly stallMs?: number;
}

/** As much as possible at once: a replay is limited by what follows. */
const standard = { maxBytesPerPartition: 4_000_000, maxBytes: 32_000_000, maxWaitMs: 100, partitionsConcurrently: 4 };

export const createPartitionSource = (options: PartitionSourceOptions): PartitionSource =>
  new KafkaPartitionSource({ ...standard, ...options });

type Settings = GroupSettings & PartitionSourceOptions;

/**
 * kafkajs knows nothing of the ledger and starts again elsewhere, without a word, when a position is out of range. So
 * every assigned partition is held (paused) until its position was asked for and found within what the topic still
 * has, and each batch must have been fetched from exactly where the one before it ended.
 */
class KafkaPartitionSource implements PartitionSource {
  readonly #settings: Settings;
  #run: PartitionRun | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async run(handler: PartitionHandler, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { kafka, topics, stallMs } = this.#settings;
    if (signal.aborted) return;
    try {
      await runMember(
        kafka,
        topics,
        this.#settings,
        (member) => {
          this.#run = new PartitionRun(kafka, handler, member, signal, stallMs);
          return this.#run;
        },
        ({ over }) => whenAborted(signal, over),
      );
    } finally {
      this.#run = undefined;
    }
  }

  async commit(topic: TopicName, next: Offsets): Promise<void> {
    await this.#run?.commit(topic, next);
  }
}

/** One of our partitions. */
interface Assigned {
  readonly topic: TopicName;
  readonly partition: number;
  /** The offset that comes next; null until the ledger was asked and Kafka checked. */
  next: bigint | null;
  /** What the handler is doing, one after the other. */
  busy: Promise<void>;
  /** Monotonic ms: since when it has been at one batch; undefined while it is at none. */
  busySince: number | undefined;
}

class PartitionRun {
  readonly #kafka: Kafka;
  readonly #handler: PartitionHandler;
  readonly #member: Member;
  readonly #signal: AbortSignal;
  readonly #stallMs: number;
  readonly #assigned = new Map<string, Assigned>();

  constructor(
    kafka: Kafka,
    handler: PartitionHandler,
    member: Member,
    signal: AbortSignal,
    stallMs = Number.POSITIVE_INFINITY,
  ) {
    this.#stallMs = stallMs;
    this.#kafka = kafka;
    this.#handler = handler;
    this.#member = member;
    this.#signal = signal;
  }

  /** Whether the handler has been at no batch for longer than it may. */
  isMoving(): boolean {
    const now = performance.now();
    return [...this.#assigned.values()].every(({ busySince = now }) => now - busySince <= this.#stallMs);
  }

  onJoined(assignment: readonly TopicPartitions[], isSameMember: boolean): void {
    const now = new Set(
      assignment.flatMap(({ topic, partitions }) => partitions.map((partition) => keyOf(topic, partition))),
    );
    for (const [key, { topic, partition }] of this.#assigned) {
      if (isSameMember && now.has(key)) continue;
      this.#assigned.delete(key);
      this.#handler.revoked(topic, partition);
    }
    for (const { topic, partitions } of assignment) this.#onAssigned(topic, partitions);
  }

  async onBatch(batch: FetchedBatch, heartbeat: () => Promise<void>): Promise<void> {
    const assigned = this.#assigned.get(keyOf(batch.topic, batch.partition));
    if (!assigned || assigned.next === null || this.#isOver()) return;
    if (batch.fetchedOffset > assigned.next) return this.#position(batch.topic, [assigned]);
    const from = assigned.next;
    const isNew = (offset: string) => batch.fetchedOffset === from || BigInt(offset) >= from;
    const records = batch.messages
      .filter(({ offset }) => isNew(offset))
      .map((message) => toConsumerRecord(batch.topic, batch.partition, message));
    // However long the handler takes, we stay a member; a rebalance meanwhile waits for it.
    const beat = setInterval(() => void heartbeat().catch(() => {}), 500);
    try {
      await this.#hand(assigned, records, batch.next);
    } finally {
      clearInterval(beat);
    }
  }

  onHole(topic: TopicName, partition: number, next: bigint): void {
    const assigned = this.#assigned.get(keyOf(topic, partition));
    if (!assigned || this.#isOver()) return;
    this.#hand(assigned, [], next).catch(this.#member.fail);
  }

  #isOver(): boolean {
    return this.#signal.aborted || this.#member.over.aborted;
  }

  /** A hint: whatever goes wrong with it is no reason to stop. */
  async commit(topic: TopicName, next: Offsets): Promise<void> {
    const ours = new Map(
      [...next]
        .filter(([partition]) => this.#assigned.has(keyOf(topic, partition)))
        .map(([partition, offset]) => [partition, { offset, ahead: new Set<bigint>() }]),
    );
    if (ours.size > 0) await this.#member.commit(topic, ours).catch(() => {});
  }

  async #hand(
    assigned: Assigned,
    records: Parameters<PartitionHandler['records']>[0]['records'],
    next: bigint,
  ): Promise<void> {
    if (assigned.next === null || next <= assigned.next) return;
    assigned.next = next;
    const { topic, partition } = assigned;
    const before = assigned.busy;
    assigned.busy = before.then(() => {
      assigned.busySince = performance.now();
      return this.#handler.records({ topic, partition, records, next });
    });
    await assigned.busy.finally(() => {
      assigned.busySince = undefined;
    });
  }

  /** Those that stayed ours go on where they were: kafkajs itself has forgotten and would begin at the commit. */
  #onAssigned(topic: TopicName, partitions: readonly number[]): void {
    const gained: Assigned[] = [];
    for (const partition of partitions) {
      const kept = this.#assigned.get(keyOf(topic, partition));
      if (kept && kept.next !== null) {
        this.#member.seek(topic, partition, kept.next);
        continue;
      }
      const assigned = { topic, partition, next: null, busy: Promise.resolve(), busySince: undefined };
      this.#assigned.set(keyOf(topic, partition), assigned);
      gained.push(assigned);
    }
    if (gained.length === 0) return;
    this.#member.pause(
      topic,
      gained.map(({ partition }) => partition),
    );
    this.#position(topic, gained).catch(this.#member.fail);
  }

  /** Sets each partition to where it goes on. @throws GapError when that is nowhere in the topic. */
  async #position(topic: TopicName, partitions: readonly Assigned[]): Promise<void> {
    const wanted = await Promise.all(
      partitions.map(async ({ next, partition }) => next ?? (await this.#handler.position(topic, partition))),
    );
    const offsets = await this.#offsets(topic);
    partitions.forEach((assigned, index) => {
      const { partition } = assigned;
      if (this.#isOver() || this.#assigned.get(keyOf(topic, partition)) !== assigned) return;
      assigned.next = checkedPosition(topic, partition, wanted[index] ?? null, offsets);
      this.#member.seek(topic, partition, assigned.next);
      this.#member.resume(topic, [partition]);
    });
  }

  /** With a connection of its own: a lasting one would not know of partitions that were added. */
  async #offsets(topic: TopicName): Promise<TopicOffsets> {
    await using admin = await createAdmin(this.#kafka);
    return await admin.topicOffsets(topic);
  }
}

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** @throws GapError when `wanted` lies before what Kafka still has, or after all that it ever had. */
function checkedPosition(topic: string, partition: number, wanted: bigint | null, { low, high }: TopicOffsets): bigint {
  const [first, end] = [low.get(partition) ?? 0n, high.get(partition) ?? 0n];
  const position = wanted ?? first;
  if (position < first) {
    throw new GapError(
      `${topic}/${partition}: the offsets ${position} to ${first - 1n} (${first - position}) were never loaded and are gone from Kafka, by retention or by hand. ` +
        `What they held has to be fetched again; to go on without them, set the partition's next offset in bronze.load_positions to ${first}`,
    );
  }
  if (position > end) {
    throw new GapError(
      `${topic}/${partition}: the ledger is at ${position}, but the topic ends at ${end}: the topic was made anew, or its end was lost. ` +
        `To load what it holds now, set the partition's next offset in bronze.load_positions to ${first}`,
    );
  }
  return position;
}
