import { setInterval } from 'node:timers/promises';
import { whenAborted } from '../runtime/abort.ts';
import { createAdmin } from './admin.ts';
import type { Kafka } from './client.ts';
import type { TopicOffsets } from './cluster-admin.ts';
import type { MissingOffsets } from './fetched-offsets.ts';
import { type Gap, lostBeginning, lostEnd, lostWithin } from './gap.ts';
import {
  type FetchedBatch,
  type GroupSettings,
  type Member,
  runMember,
  type TopicPartitions,
  toConsumerRecords,
  withHeartbeats,
} from './group-member.ts';
import {
  type ConsumerRecord,
  type Offsets,
  type PartitionHandler,
  type PartitionSource,
  partitionKey,
} from './topic.ts';

export interface PartitionSourceOptions extends Partial<GroupSettings> {
  readonly group: string;
  readonly topics: readonly string[];
  /** If the handler takes longer than this (ms) for one batch, `onAlive` is not called. @default never */
  readonly stallMs?: number;
  /** Ranges that a person has accepted; a gap within one of them does not stop the source. */
  readonly acceptedGaps?: readonly Gap[];
  /** How often (ms) to check whether a topic was created again. @default 30 s */
  readonly topicIdsEveryMs?: number;
}

/** Large fetches: the stages that follow limit a replay. */
const defaults = { maxBytesPerPartition: 4_000_000, maxBytes: 32_000_000, maxWaitMs: 100, partitionsConcurrently: 4 };

type Settings = GroupSettings & PartitionSourceOptions & { readonly kafka: Kafka };

/**
 * kafkajs does not know the ledger, and silently starts at another offset if a position is out of range. Therefore each
 * assigned partition is paused until its position is known and within the offsets that the topic still has, and each
 * batch must begin exactly where the one before it ended.
 */
export function createPartitionSource(given: PartitionSourceOptions & { readonly kafka: Kafka }): PartitionSource {
  const settings: Settings = { ...defaults, ...given };
  let current: PartitionRun | undefined;
  const run: PartitionSource['run'] = async (handler, { signal }) => {
    if (signal.aborted) return;
    const ended = new AbortController();
    const start = (member: Member) => {
      current = new PartitionRun(settings, handler, member, signal);
      void current.watchTopicIds(ended.signal);
      return current;
    };
    try {
      const { kafka, topics } = settings;
      await runMember(kafka, topics, settings, start, ({ closed }) => whenAborted(signal, closed));
    } finally {
      ended.abort();
      current = undefined;
    }
  };
  return { run, commit: async (topic, next) => current?.commit(topic, next) };
}

/** A partition that is assigned to this member. */
interface Assigned {
  readonly topic: string;
  readonly partition: number;
  /** Kafka's id of the topic; null until it is known. */
  topicId: string | null;
  /** The next offset; null until it is known from the ledger and checked in Kafka. */
  next: bigint | null;
  /** The calls of the handler, one after the other. */
  busy: Promise<void>;
  /** Monotonic ms: when the handler began its batch; undefined while it has none. */
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

  /** Whether no batch takes the handler longer than `stallMs`. */
  isMoving(): boolean {
    const { stallMs = Number.POSITIVE_INFINITY } = this.#settings;
    const now = performance.now();
    return [...this.#assigned.values()].every(({ busySince = now }) => now - busySince <= stallMs);
  }

  /** kafkajs continues to read a topic that was created again. Offsets of the topic before it are meaningless there. */
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
      assignment.flatMap(({ topic, partitions }) => partitions.map((partition) => partitionKey({ topic, partition }))),
    );
    for (const [key, { topic, partition }] of this.#assigned) {
      if (isSameMember && now.has(key)) continue;
      this.#assigned.delete(key);
      this.#handler.revoked(topic, partition);
    }
    for (const { topic, partitions } of assignment) this.#onAssigned(topic, partitions);
  }

  async onBatch(batch: FetchedBatch, heartbeat: () => Promise<void>): Promise<void> {
    const assigned = this.#assigned.get(partitionKey(batch));
    if (!assigned || assigned.next === null || this.#isClosed()) return;
    // kafkajs fetched from another offset, for example because the topic does not have the requested one.
    if (batch.fetchedOffset !== assigned.next) return this.#position(batch.topic, [assigned]); // mutant: source.fetched-elsewhere
    this.#refuseHoles(batch); // mutant: source.compacted
    const records = toConsumerRecords(batch);
    await withHeartbeats(heartbeat, () => this.#deliver(assigned, records, batch.next));
  }

  /** Compaction loses records like retention, only from the middle. @throws GapError unless the gap was accepted. */
  #refuseHoles({ topic, partition, missing }: FetchedBatch): void {
    const refused = missing.filter((range) => !this.#isAccepted(topic, partition, range));
    const [first, last] = [refused[0]?.first, refused.at(-1)?.last];
    if (first === undefined || last === undefined) return;
    const count = refused.reduce((sum, range) => sum + (range.last - range.first) + 1n, 0n);
    throw lostWithin(`${partitionKey({ topic, partition })}/${first}-${last}`, count);
  }

  #isAccepted(topic: string, partition: number, { first, last }: MissingOffsets): boolean {
    return (this.#settings.acceptedGaps ?? []).some(
      (gap) => gap.topic === topic && gap.partition === partition && gap.first <= first && last <= gap.last,
    );
  }

  #isClosed(): boolean {
    return this.#signal.aborted || this.#member.closed.aborted;
  }

  /** A hint for tools that show lag: ignores failures. */
  async commit(topic: string, next: Offsets): Promise<void> {
    const ours = new Map(
      [...next]
        .filter(([partition]) => this.#assigned.has(partitionKey({ topic, partition })))
        .map(([partition, offset]) => [partition, { offset, ahead: new Set<bigint>() }]),
    );
    if (ours.size > 0) await this.#member.commit(topic, ours).catch(() => {});
  }

  async #deliver(assigned: Assigned, records: readonly ConsumerRecord[], next: bigint): Promise<void> {
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

  /** Retained partitions resume at their next offset: kafkajs has lost it and would begin at the committed one. */
  #onAssigned(topic: string, partitions: readonly number[]): void {
    const gained: Assigned[] = [];
    for (const partition of partitions) {
      const retained = this.#assigned.get(partitionKey({ topic, partition }));
      if (retained && retained.next !== null) {
        this.#member.seek(topic, partition, retained.next);
        continue;
      }
      const assigned = { topic, partition, topicId: null, next: null, busy: Promise.resolve(), busySince: undefined };
      this.#assigned.set(partitionKey({ topic, partition }), assigned);
      gained.push(assigned);
    }
    if (gained.length === 0) return;
    this.#member.pause(
      topic,
      gained.map(({ partition }) => partition),
    );
    this.#position(topic, gained).catch(this.#member.fail);
  }

  /** Sets the next offset of each partition. @throws GapError if the topic does not have it. */
  async #position(topic: string, partitions: readonly Assigned[]): Promise<void> {
    // Over a new connection: an older one does not know partitions that were added.
    await using admin = createAdmin(this.#settings.kafka);
    const topicId = await admin.topicId(topic); // mutant: source.topic-id
    for (const assigned of partitions) this.#setTopicId(assigned, topicId);
    const loaded = new Set<number>();
    const wanted = await Promise.all(
      partitions.map(async ({ next, partition }) => {
        if (next !== null) return next;
        const position = await this.#handler.position(topic, partition, topicId); // mutant: source.ledger-position
        if (position !== null) loaded.add(partition);
        return position;
      }),
    );
    // After the ledger, so that offsets that other loaders load meanwhile are within these ends.
    const offsets = await admin.topicOffsets(topic);
    // If the topic was created again meanwhile (the ledger may take minutes), position and ends belong to two topics.
    if ((await admin.topicId(topic)) !== topicId) return this.#position(topic, partitions);
    for (const [index, assigned] of partitions.entries()) {
      const { partition } = assigned;
      if (this.#isClosed() || this.#assigned.get(partitionKey({ topic, partition })) !== assigned) continue;
      const next = await this.#passGap(assigned, wanted[index] ?? null, offsets);
      // The previous loader's commit may have failed. Without this one, lag tools would show lag until the next record.
      if (loaded.has(partition)) void this.commit(topic, new Map([[partition, next]]));
      this.#member.seek(topic, partition, next);
      this.#member.resume(topic, [partition]);
    }
  }

  /** If the topic was created again, the progress in the topic before it does not apply. */
  #setTopicId(assigned: Assigned, topicId: string): void {
    if (assigned.topicId !== null && assigned.topicId !== topicId) {
      this.#handler.revoked(assigned.topic, assigned.partition);
      assigned.next = null;
    }
    assigned.topicId = topicId;
  }

  /** Sets the partition's next offset to `wanted`, or to the end of an accepted gap. @throws GapError for any other gap. */
  async #passGap(assigned: Assigned, wanted: bigint | null, offsets: TopicOffsets): Promise<bigint> {
    const { topic, partition } = assigned;
    const [first, end] = [offsets.low.get(partition) ?? 0n, offsets.high.get(partition) ?? 0n];
    assigned.next = wanted ?? first;
    if (assigned.next > end) throw lostEnd(topic, partition, assigned.next, end); // mutant: source.lost-end
    if (assigned.next >= first) return assigned.next;
    const gap = { first: assigned.next, last: first - 1n };
    if (!this.#isAccepted(topic, partition, gap)) throw lostBeginning(topic, partition, gap); // mutant: source.deleted-records
    // The ledger moves past the gap with a batch without rows.
    await this.#deliver(assigned, [], first);
    return first;
  }
}
