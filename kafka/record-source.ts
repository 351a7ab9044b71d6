import { setTimeout as delay } from 'node:timers/promises';
import { isRetriable } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { createAdmin } from './admin.ts';
import type { Kafka } from './client.ts';
import type { KafkaAdmin } from './cluster-admin.ts';
import type { Commit } from './commit.ts';
import {
  type FetchedBatch,
  type GroupSettings,
  type Member,
  runMember,
  type TopicPartitions,
  toConsumerRecords,
  whenAborted,
} from './group-member.ts';
import { leftOf } from './left-of-group.ts';
import { type Commits, OffsetCommitter } from './offset-committer.ts';
import { type InFlight, RecordQueue } from './record-queue.ts';
import type { AwaitedPartition, ConsumerRecord, Offsets, PartitionOwner, RecordSource, RunOptions } from './topic.ts';
import { WorkAhead } from './work-ahead.ts';

export interface RecordSourceOptions extends Partial<GroupSettings> {
  readonly group: string;
  readonly topic: string;
  /** Records that are handled at a time, over all partitions. */
  readonly concurrency: number;
  /** With records in hand and none of them finished for so long, signs of life are not passed on. Standard: never. */
  readonly stallMs?: number;
  /** Whether records wait for an outage to end: then none of them finishes, and the source still counts as live. */
  readonly isWaiting?: () => boolean;
  /** How often (ms) to ask whether the topic is still the one that we began with. Standard: 30 s. */
  readonly topicIdEveryMs?: number;
  /** Bounds what is done and not committed, and tells about it. Standard: as many records as are handled at a time, for 5 s. */
  readonly ahead?: WorkAhead;
  /** With `until`: told at every look what is still waited for that other members have. */
  readonly onOthers?: (partitions: readonly AwaitedPartition[]) => void;
  readonly log: Logger;
}

/** Little at once: a record may take a quarter of a second of a rate limit, and what waits here nobody else can take. */
const standard = { maxBytesPerPartition: 64_000, maxBytes: 1_000_000, maxWaitMs: 100 };

export const createRecordSource = (options: RecordSourceOptions & OnKafka): RecordSource =>
  new KafkaRecordSource({ ...standard, ...options });

interface OnKafka {
  readonly kafka: Kafka;
}

type Settings = RecordSourceOptions & GroupSettings & OnKafka;

/**
 * Batches are taken in without waiting for their records, so kafkajs' loop goes on: it sends the heartbeats and reads
 * the other partitions, however long a record takes. A partition with enough in stock is paused.
 */
class KafkaRecordSource implements RecordSource {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async run(handle: (record: ConsumerRecord) => Promise<void>, options: RunOptions): Promise<void> {
    const { kafka, topic, group } = this.#settings;
    if (options.signal.aborted) return;
    await using admin = createAdmin(kafka);
    const { until } = options;
    if (until && (await leftOf(admin, group, topic, until)).size === 0) return;
    let run: RecordRun | undefined;
    await runMember(
      kafka,
      [topic],
      this.#settings,
      (member) => {
        run = new RecordRun(this.#settings, admin, member, handle, options);
        return run;
      },
      async () => run?.ended(),
    );
  }
}

/**
 * Finished records that may lie ahead of one that is not done, for each that may be in hand: a slow answer must not hold up
 * its whole partition. They are committed as done ahead, so they do not come again.
 */
const windowPerSlot = 25;
/** How long the last commits may take when a run ends; what is not committed then comes again. */
const flushMs = 5_000;
/** Without a commit for so long, nothing new is begun. */
const aheadMs = 5_000;
/** How often we ask how far the other members are. */
const othersMs = 500;

class RecordRun {
  readonly #settings: Settings;
  readonly #admin: KafkaAdmin;
  readonly #member: Member;
  readonly #handle: (record: ConsumerRecord) => Promise<void>;
  readonly #options: RunOptions;
  readonly #committer: OffsetCommitter;
  /** By partition; those whose position is still being looked up are absent. Their order is the order of service. */
  readonly #queues = new Map<number, RecordQueue>();
  /** Those that were taken from us, with what is done in them: a new coordinator takes everything and gives it back. */
  readonly #taken = new Map<number, RecordQueue>();
  readonly #ahead: WorkAhead;
  readonly #done = Promise.withResolvers<void>();
  readonly #paused = new WeakSet<RecordQueue>();
  #assigned: readonly number[] = [];
  #othersDone: ReadonlySet<number> = new Set();
  /** Kafka's id of the topic at the last assignment. */
  #topicId: string | undefined;
  /** Counts the assignments, so that an answer that comes late can tell. */
  #assignment = 0;
  #inFlight = 0;
  /** Monotonic ms: when a record was finished last, or begun with none in hand. */
  #movedAt = performance.now();

  constructor(
    settings: Settings,
    admin: KafkaAdmin,
    member: Member,
    handle: (record: ConsumerRecord) => Promise<void>,
    options: RunOptions,
  ) {
    this.#settings = settings;
    this.#admin = admin;
    this.#member = member;
    this.#handle = handle;
    this.#options = options;
    this.#ahead = settings.ahead ?? new WorkAhead({ records: settings.concurrency, ms: aheadMs });
    this.#committer = new OffsetCommitter(
      (commits) => this.#commit(commits),
      member.fail,
      () => {
        this.#startMore();
        this.#onProgress();
      },
      settings.kafka.reach.trouble(`committing the offsets of ${settings.topic} as ${settings.group}`),
    );
  }

  /** Resolves when the run is over: nothing in hand, and what is done is committed. */
  async ended(): Promise<void> {
    const { signal, until } = this.#options;
    const stop = () => this.#onProgress();
    signal.addEventListener('abort', stop, { once: true });
    stop();
    if (until) void this.#watchOthers(until).catch(this.#member.fail);
    void this.#watchTopicId().catch(this.#member.fail);
    await Promise.race([this.#done.promise, whenAborted(this.#member.over)]);
    signal.removeEventListener('abort', stop);
    await this.#committer.flush(flushMs);
  }

  /** Whether no record is in flight, a record was finished recently, or records wait for an outage to end. */
  isMoving(): boolean {
    const { stallMs = Number.POSITIVE_INFINITY, isWaiting } = this.#settings;
    return this.#inFlight === 0 || isWaiting?.() === true || performance.now() - this.#movedAt < stallMs;
  }

  onJoined(assignment: readonly TopicPartitions[], isSameMember: boolean): void {
    const { topic } = this.#settings;
    // Who drains takes nothing over, and commits what it finishes even of partitions that went to others: a group takes
    // commits from any member. When all drain at once, as in a deploy, nothing of it comes again.
    if (this.#options.signal.aborted) return;
    this.#assignment += 1;
    this.#assigned = assignment.flatMap(({ partitions }) => partitions);
    for (const [partition, queue] of this.#queues) {
      if (isSameMember && this.#assigned.includes(partition)) continue;
      this.#drop(partition);
      this.#taken.set(partition, queue);
    }
    for (const [partition, queue] of this.#queues) {
      this.#member.seek(topic, partition, queue.position);
    }
    const gained = this.#assigned.filter((partition) => !this.#queues.has(partition));
    if (gained.length === 0) return;
    this.#member.pause(topic, gained);
    this.#begin(gained, this.#assignment).catch(this.#member.fail);
  }

  async onBatch(batch: FetchedBatch): Promise<void> {
    const queue = this.#queues.get(batch.partition);
    if (!queue) return;
    if (batch.fetchedOffset > queue.position) return this.#onJump(batch.partition, queue);
    const { partition } = batch;
    queue.receive(toConsumerRecords(batch), batch.next);
    this.#throttle(partition, queue);
    this.#onQueueChanged(partition, queue);
    this.#startMore();
  }

  /** kafkajs reads on in a topic that was created again; all that was known of the one before is wrong in it. */
  async #watchTopicId(): Promise<void> {
    const { topic, topicIdEveryMs = 30_000 } = this.#settings;
    const { over } = this.#member;
    while (!over.aborted) {
      await delay(topicIdEveryMs, undefined, { signal: over, ref: false }).catch(() => {});
      if (this.#isOver() || this.#topicId === undefined) continue;
      const topicId = await this.#admin.topicId(topic).catch((error) => {
        // Kafka out of reach, or a topic that is just gone: the next look tells.
        if (isRetriable(error)) return this.#topicId;
        throw error;
      });
      if (topicId === this.#topicId) continue;
      const partitions = [...this.#queues.keys()];
      for (const partition of partitions) this.#drop(partition);
      if (partitions.length > 0) await this.#begin(partitions, this.#assignment);
    }
  }

  #drop(partition: number): void {
    this.#queues.delete(partition);
    this.#committer.forget(partition);
    if (this.#committer.isIdle) this.#ahead.clear();
  }

  /** Where the group is, or else where the topic begins. */
  async #begin(partitions: readonly number[], assignment: number): Promise<void> {
    const { group, topic } = this.#settings;
    const [committed, { low, high }, topicId] = await Promise.all([
      this.#admin.commits(group, topic),
      this.#admin.topicOffsets(topic),
      this.#admin.topicId(topic),
    ]);
    if (assignment !== this.#assignment || this.#member.over.aborted) return;
    // What is done and committed in a topic that had this name before says nothing.
    const isAnother = this.#topicId !== undefined && topicId !== this.#topicId;
    if (isAnother) this.#taken.clear();
    this.#topicId = topicId;
    for (const partition of partitions) {
      const [first, end] = [low.get(partition) ?? 0n, high.get(partition) ?? 0n];
      const nothing = { offset: first, ahead: new Set<bigint>() };
      const wanted = isAnother ? nothing : (committed.get(partition) ?? nothing);
      const isGone = wanted.offset < first || wanted.offset > end;
      if (isGone) this.#warnOfJump(partition, wanted.offset, first);
      if (isGone || (this.#taken.get(partition)?.position ?? 0n) > end) this.#taken.delete(partition);
      const begin = isGone ? { offset: first, ahead: new Set<bigint>() } : wanted;
      this.#take(partition, begin);
    }
    this.#startMore();
    this.#onProgress();
  }

  /** Goes on where we were if the partition was ours before, or else where the group is. */
  #take(partition: number, begin: Commit): void {
    const { topic, concurrency } = this.#settings;
    const known = this.#taken.get(partition);
    const queue = known ?? new RecordQueue(begin, windowPerSlot * concurrency, this.#options.until?.get(partition));
    this.#taken.delete(partition);
    this.#queues.set(partition, queue);
    this.#paused.delete(queue);
    if (known) known.rejoin(begin);
    this.#member.seek(topic, partition, queue.position);
    this.#member.resume(topic, [partition]);
    this.#throttle(partition, queue);
    if (known) this.#onQueueChanged(partition, queue);
  }

  /** kafkajs went on elsewhere: back to where we were, unless that is gone from the topic. */
  async #onJump(partition: number, queue: RecordQueue): Promise<void> {
    const { topic } = this.#settings;
    const { low, high } = await this.#admin.topicOffsets(topic);
    const first = low.get(partition) ?? 0n;
    if (queue.position < first || queue.position > (high.get(partition) ?? 0n)) {
      this.#warnOfJump(partition, queue.position, first);
      queue.receive([], first);
      this.#onQueueChanged(partition, queue);
    }
    this.#member.seek(topic, partition, queue.position);
  }

  #warnOfJump(partition: number, from: bigint, to: bigint): void {
    const { topic, group, log } = this.#settings;
    log.warn({ topic, group, partition, from: String(from), to: String(to) }, 'the topic no longer has this offset');
  }

  #isOver(): boolean {
    return this.#options.signal.aborted || this.#member.over.aborted;
  }

  #mayStart(): boolean {
    const hasRoom = this.#inFlight < this.#settings.concurrency && this.#ahead.hasRoom;
    return hasRoom && !this.#isOver();
  }

  /** Starts what may be started, a record of each partition in turn. */
  #startMore(): void {
    let idle = 0;
    while (this.#mayStart() && idle < this.#queues.size) {
      const [[partition, queue] = []] = this.#queues;
      if (partition === undefined || !queue) return;
      this.#queues.delete(partition);
      this.#queues.set(partition, queue);
      const entry = queue.start();
      if (entry) {
        idle = 0;
        if (this.#inFlight === 0) this.#movedAt = performance.now();
        this.#inFlight += 1;
        void this.#handleOne(partition, queue, entry);
        this.#throttle(partition, queue);
      } else {
        idle += 1;
      }
    }
  }

  async #handleOne(partition: number, queue: RecordQueue, entry: InFlight): Promise<void> {
    try {
      await this.#handle(entry.record);
    } catch (error) {
      this.#inFlight -= 1;
      // A record that gave up because we are to stop is not done, and no failure.
      if (this.#options.signal.aborted && error === this.#options.signal.reason) this.#onProgress();
      else this.#member.fail(error);
      return;
    }
    this.#inFlight -= 1;
    this.#movedAt = performance.now();
    queue.finish(entry);
    if (this.#queues.get(partition) === queue) {
      this.#ahead.finish();
      this.#onQueueChanged(partition, queue);
    }
    this.#startMore();
    this.#onProgress();
  }

  async #commit(commits: Commits): Promise<void> {
    try {
      await this.#ahead.during(() => this.#member.commit(this.#settings.topic, commits));
    } catch (error) {
      // Its partitions were taken from us meanwhile, so no commit follows that could succeed.
      if (this.#committer.isIdle) this.#ahead.clear();
      throw error;
    }
  }

  #onQueueChanged(partition: number, queue: RecordQueue): void {
    const done = queue.newlyDone();
    if (done !== null) this.#committer.mark(partition, done);
    this.#onProgress();
  }

  /** Enough in stock: no more of this partition until some of it is under way. */
  #throttle(partition: number, queue: RecordQueue): void {
    const hasEnough = queue.waiting > 2 * this.#settings.concurrency;
    if (hasEnough === this.#paused.has(queue) || this.#member.over.aborted) return;
    const { topic } = this.#settings;
    if (hasEnough) {
      this.#paused.add(queue);
      this.#member.pause(topic, [partition]);
    } else {
      this.#paused.delete(queue);
      this.#member.resume(topic, [partition]);
    }
  }

  #onProgress(): void {
    const { signal, until } = this.#options;
    if (this.#inFlight > 0) return;
    if (signal.aborted || (until && [...until].every(([partition, end]) => this.#isDone(partition, end)))) {
      this.#done.resolve();
    }
  }

  #isDone(partition: number, end: bigint): boolean {
    const queue = this.#queues.get(partition);
    if (!queue) return this.#othersDone.has(partition);
    return queue.doneUpTo >= end && !this.#committer.isPending(partition);
  }

  /** Partitions that other members have are done when the group has committed their end. */
  async #watchOthers(until: Offsets): Promise<void> {
    const { group, topic, onOthers = () => {} } = this.#settings;
    while (!this.#member.over.aborted) {
      const left = await leftOf(this.#admin, group, topic, until);
      const theirs = [...left].filter(([partition]) => !this.#assigned.includes(partition));
      this.#othersDone = new Set([...until.keys()].filter((partition) => !left.has(partition)));
      this.#onProgress();
      const owners = theirs.length > 0 ? await this.#admin.owners(group, topic) : new Map<number, PartitionOwner>();
      onOthers(
        theirs.map(([partition, left]) => ({ topic, partition, left, owner: owners.get(partition)?.name ?? null })),
      );
      await delay(othersMs, undefined, { signal: this.#member.over }).catch(() => {});
    }
  }
}
