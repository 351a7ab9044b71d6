import { setInterval } from 'node:timers/promises';
import { createAdmin } from './admin.ts';
import type { Kafka } from './client.ts';
import type { TopicOffsets } from './cluster-admin.ts';
import type { OffsetRange } from './fetched-offsets.ts';
import { type Gap, lostBeginning, lostEnd, lostWithin } from './gap.ts';
import {
  type FetchedBatch,
  type GroupSettings,
  type Member,
  runMember,
  type TopicPartitions,
  toConsumerRecords,
  whenAborted,
} from './group-member.ts';
import type { Offsets, PartitionHandler, PartitionSource } from './topic.ts';

export interface PartitionSourceOptions extends Partial<GroupSettings> {
  readonly group: string;
  readonly topics: readonly string[];
  /** With the handler busy with one batch for so long, signs of life are not passed on. Standard: never. */
  readonly stallMs?: number;
  /** Ranges that a person has accepted; a gap within one of them does not stop the source. */
  readonly acceptedGaps?: readonly Gap[];
  /** How often to ask whether the topics are still those that we began with. Standard: 30 s. */
  readonly topicIdsEveryMs?: number;
}

/** As much as possible at once: a replay is limited by what follows. */
const standard = { maxBytesPerPartition: 4_000_000, maxBytes: 32_000_000, maxWaitMs: 100, partitionsConcurrently: 4 };

export const createPartitionSource = (options: PartitionSourceOptions & OnKafka): PartitionSource =>
  new KafkaPartitionSource({ ...standard, ...options });

interface OnKafka {
  readonly kafka: Kafka;
}

type Settings = GroupSettings & PartitionSourceOptions & OnKafka;

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
    const { kafka, topics } = this.#settings;
    if (signal.aborted) return;
    const isOver = new AbortController();
    try {
      await runMember(
        kafka,
        topics,
        this.#settings,
        (member) => {
          this.#run = new PartitionRun(this.#settings, handler, member, signal);
          void this.#run.watchTopicIds(isOver.signal);
          return this.#run;
        },
        ({ over }) => whenAborted(signal, over),
      );
    } finally {
      isOver.abort();
      this.#run = undefined;
    }
  }

  async commit(topic: string, next: Offsets): Promise<void> {
    await this.#run?.commit(topic, next);
  }
}

/** One of our partitions. */
interface Assigned {
  readonly topic: string;
  readonly partition: number;
  /** Kafka's id of the topic; null until it was asked. */
  topicId: string | null;
  /** The offset that comes next; null until the ledger was asked and Kafka checked. */
  next: bigint | null;
  /** What the handler is doing, one after the other. */
  busy: Promise<void>;
  /** Monotonic ms: since when it has been at one batch; undefined while it is at none. */
  busySince: number | undefined;
}

class PartitionRun {
  readonly #settings: Settings;
  readonly #handler: PartitionHandler;
  readonly #member: Member;
  readonly #signal: AbortSignal;
  readonly #assigned = new Map<string, Assigned>();

  constructor(settings: Settings, handler: PartitionHandler, member: Member, signal: AbortSignal) {
    this.#settings = settings;
    this.#handler = handler;
    this.#member = member;
    this.#signal = signal;
  }

  /** Whether the handler has been at no batch for longer than it may. */
  isMoving(): boolean {
    const { stallMs = Number.POSITIVE_INFINITY } = this.#settings;
    const now = performance.now();
    return [...this.#assigned.values()].every(({ busySince = now }) => now - busySince <= stallMs);
  }

  /** kafkajs goes on in a topic that was made anew as if it were the one before: its offsets mean something else. */
  async watchTopicIds(signal: AbortSignal): Promise<void> {
    const ticks = setInterval(this.#settings.topicIdsEveryMs ?? 30_000, undefined, { signal, ref: false });
    try {
      for await (const _ of ticks) await this.#repositionMovedTopics();
    } catch (error) {
      if (!signal.aborted) this.#member.fail(error);
    }
  }

  async #repositionMovedTopics(): Promise<void> {
    await using admin = createAdmin(this.#settings.kafka);
    for (const topic of this.#settings.topics) {
      const topicId = await admin.topicId(topic);
      const moved = [...this.#assigned.values()].filter(
        (assigned) => assigned.topic === topic && assigned.topicId !== null && assigned.topicId !== topicId,
      );
      if (moved.length > 0) await this.#position(topic, moved);
    }
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
    // Where it was not asked to: kafkajs has lost its place, as when our position is not in the topic.
    if (batch.fetchedOffset !== assigned.next) return this.#position(batch.topic, [assigned]);
    this.#refuseHoles(batch);
    const records = toConsumerRecords(batch);
    // However long the handler takes, we stay a member; a rebalance meanwhile waits for it.
    const beat = globalThis.setInterval(() => void heartbeat().catch(() => {}), 500);
    try {
      await this.#hand(assigned, records, batch.next);
    } finally {
      clearInterval(beat);
    }
  }

  /** Compaction loses records like retention, only from the middle. @throws GapError unless the gap was accepted. */
  #refuseHoles({ topic, partition, missing }: FetchedBatch): void {
    const refused = missing.filter((range) => !this.#isAccepted(topic, partition, range));
    const [first, last] = [refused[0]?.first, refused.at(-1)?.last];
    if (first === undefined || last === undefined) return;
    const count = refused.reduce((sum, range) => sum + (range.last - range.first) + 1n, 0n);
    throw lostWithin(`${keyOf(topic, partition)}/${first}-${last}`, count);
  }

  #isAccepted(topic: string, partition: number, { first, last }: OffsetRange): boolean {
    return (this.#settings.acceptedGaps ?? []).some(
      (gap) => gap.topic === topic && gap.partition === partition && gap.first <= first && last <= gap.last,
    );
  }

  #isOver(): boolean {
    return this.#signal.aborted || this.#member.over.aborted;
  }

  /** A hint: whatever goes wrong with it is no reason to stop. */
  async commit(topic: string, next: Offsets): Promise<void> {
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
  #onAssigned(topic: string, partitions: readonly number[]): void {
    const gained: Assigned[] = [];
    for (const partition of partitions) {
      const kept = this.#assigned.get(keyOf(topic, partition));
      if (kept && kept.next !== null) {
        this.#member.seek(topic, partition, kept.next);
        continue;
      }
      const assigned = { topic, partition, topicId: null, next: null, busy: Promise.resolve(), busySince: undefined };
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
  async #position(topic: string, partitions: readonly Assigned[]): Promise<void> {
    // With a connection of its own: a lasting one would not know of partitions that were added.
    await using admin = createAdmin(this.#settings.kafka);
    const topicId = await admin.topicId(topic);
    for (const assigned of partitions) this.#meetTopic(assigned, topicId);
    const wanted = await Promise.all(
      partitions.map(async ({ next, partition }) => next ?? (await this.#handler.position(topic, partition, topicId))),
    );
    // After the ledger: what others load meanwhile is within these ends.
    const offsets = await admin.topicOffsets(topic);
    // Created again while the ledger was asked, which may take minutes: the position and the ends are of two topics.
    if ((await admin.topicId(topic)) !== topicId) return this.#position(topic, partitions);
    for (const [index, assigned] of partitions.entries()) {
      const { partition } = assigned;
      if (this.#isOver() || this.#assigned.get(keyOf(topic, partition)) !== assigned) continue;
      const next = await this.#passGap(assigned, wanted[index] ?? null, offsets);
      this.#member.seek(topic, partition, next);
      this.#member.resume(topic, [partition]);
    }
  }

  /** In a topic that was made anew, what we know of the one before says nothing. */
  #meetTopic(assigned: Assigned, topicId: string): void {
    if (assigned.topicId !== null && assigned.topicId !== topicId) {
      this.#handler.revoked(assigned.topic, assigned.partition);
      assigned.next = null;
    }
    assigned.topicId = topicId;
  }

  /** Sets the partition's next offset to `wanted`, or behind a gap that was accepted. @throws GapError for any other. */
  async #passGap(assigned: Assigned, wanted: bigint | null, offsets: TopicOffsets): Promise<bigint> {
    const { topic, partition } = assigned;
    const [first, end] = [offsets.low.get(partition) ?? 0n, offsets.high.get(partition) ?? 0n];
    assigned.next = wanted ?? first;
    if (assigned.next > end) throw lostEnd(topic, partition, assigned.next, end);
    if (assigned.next >= first) return assigned.next;
    const gap = { first: assigned.next, last: first - 1n };
    if (!this.#isAccepted(topic, partition, gap)) throw lostBeginning(topic, partition, gap);
    // No records, so the ledger passes it with a batch of no rows.
    await this.#hand(assigned, [], first);
    return first;
  }
}

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;
