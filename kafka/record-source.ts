import { setTimeout as delay } from 'node:timers/promises';
import { whenAborted } from '../runtime/abort.ts';
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
  /** If records are in flight and none finishes within this time (ms), `onAlive` is not called. @default never */
  readonly stallMs?: number;
  /** Whether records wait for the end of an outage: then none of them finishes, and the source still counts as live. */
  readonly isWaiting?: () => boolean;
  /** How often (ms) to check whether the topic was created again. @default 30 s */
  readonly topicIdEveryMs?: number;
  /** Bounds the records that are done and not committed. @default as many as are handled at a time, for 5 s */
  readonly ahead?: WorkAhead;
  /** With `until`: called after each check with the partitions of other members that the source still waits for. */
  readonly onOthers?: (partitions: readonly AwaitedPartition[]) => void;
  /**
   * Whether records may have been finished although the group has committed nothing. Then they are marked with `mayBeFinished`, in
   * this and later processes, until all that are in the topic now are done. @default no
   */
  readonly mayBeFinished?: () => Promise<boolean>;
  readonly log: Logger;
}

/** Small fetches: a record may take a quarter of a second of a rate limit, and no other member can handle the records here. */
const defaults = { maxBytesPerPartition: 64_000, maxBytes: 1_000_000, maxWaitMs: 100 };

type Settings = GroupSettings & RecordSourceOptions & { readonly kafka: Kafka };

/**
 * Accepts batches without waiting for their records, so that the loop of kafkajs continues: it sends heartbeats and reads the
 * other partitions, however long a record takes. Pauses a partition that has enough records waiting.
 */
export function createRecordSource(given: RecordSourceOptions & { readonly kafka: Kafka }): RecordSource {
  const settings: Settings = { ...defaults, ...given };
  const { kafka, topic, group } = settings;
  const run: RecordSource['run'] = async (handle, options) => {
    if (options.signal.aborted) return;
    await using admin = createAdmin(kafka);
    const { until } = options;
    if (until && (await leftOf(admin, group, topic, until)).size === 0) return;
    let recordRun: RecordRun | undefined;
    await runMember(
      kafka,
      [topic],
      settings,
      (member) => {
        recordRun = new RecordRun(settings, admin, member, handle, options);
        return recordRun;
      },
      async () => recordRun?.ended(),
    );
  };
  return { run };
}

/**
 * For each record that may be in flight, this many finished records may be ahead of the oldest unfinished one, so that a slow
 * answer does not stop its partition. They are committed as done ahead, so Kafka does not deliver them again.
 */
const windowPerSlot = 25;
/** How long (ms) the last commits may take when a run ends; Kafka delivers records that are not committed again. */
const flushMs = 5_000;
/** Without a commit for this time (ms), no new record starts. */
const aheadMs = 5_000;
/** How often (ms) to check the progress of the other members. */
const othersMs = 500;

class RecordRun {
  readonly #settings: Settings;
  readonly #admin: KafkaAdmin;
  readonly #member: Member;
  readonly #handle: (record: ConsumerRecord) => Promise<void>;
  readonly #options: RunOptions;
  readonly #committer: OffsetCommitter;
  /** By partition, without those whose position is not known yet. The next record comes from the first queue. */
  readonly #queues = new Map<number, RecordQueue>();
  /** Queues of revoked partitions, with their progress: a new coordinator revokes all partitions and assigns them again. */
  readonly #revoked = new Map<number, RecordQueue>();
  readonly #ahead: WorkAhead;
  readonly #done = Promise.withResolvers<void>();
  readonly #paused = new WeakSet<RecordQueue>();
  #assigned: readonly number[] = [];
  #othersDone: ReadonlySet<number> = new Set();
  /** Kafka's id of the topic at the last assignment. */
  #topicId: string | undefined;
  /** Counts the assignments, so that an answer for an earlier one can be ignored. */
  #assignment = 0;
  #inFlight = 0;
  /** Monotonic ms: when a record finished last, or started while none was in flight. */
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

  /** Resolves when the run has ended: no record is in flight, and all finished records are committed. */
  async ended(): Promise<void> {
    const { signal, until } = this.#options;
    const stop = () => this.#onProgress();
    signal.addEventListener('abort', stop, { once: true });
    stop();
    if (until) void this.#watchOthers(until).catch(this.#member.fail);
    void this.#watchTopicId().catch(this.#member.fail);
    await Promise.race([this.#done.promise, whenAborted(this.#member.closed)]);
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
    // A member that drains accepts no partition, and commits what it finishes even of partitions that other members have
    // now: a group accepts commits from any member. If all drain at once, as in a deploy, no record is delivered again.
    if (this.#options.signal.aborted) return;
    this.#assignment += 1;
    this.#assigned = assignment.flatMap(({ partitions }) => partitions);
    for (const [partition, queue] of this.#queues) {
      if (isSameMember && this.#assigned.includes(partition)) continue;
      this.#drop(partition);
      this.#revoked.set(partition, queue);
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

  /** kafkajs continues to read a topic that was created again. Offsets of the topic before it are meaningless there. */
  async #watchTopicId(): Promise<void> {
    const { topic, topicIdEveryMs = 30_000 } = this.#settings;
    const { closed } = this.#member;
    while (!closed.aborted) {
      await delay(topicIdEveryMs, undefined, { signal: closed, ref: false }).catch(() => {});
      if (this.#isClosed() || this.#topicId === undefined) continue;
      const topicId = await this.#admin.topicId(topic).catch((error) => {
        // Kafka is out of reach, or the topic was just deleted: the next check decides.
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

  /** Begins at the offset that the group has committed, or else at the first offset of the topic. */
  async #begin(partitions: readonly number[], assignment: number): Promise<void> {
    const { group, topic } = this.#settings;
    const [committed, { low, high }, topicId, mayBeFinished] = await Promise.all([
      this.#admin.commits(group, topic),
      this.#admin.topicOffsets(topic),
      this.#admin.topicId(topic),
      this.#settings.mayBeFinished?.(),
    ]);
    if (assignment !== this.#assignment || this.#member.closed.aborted) return;
    // Progress and commits in a topic that had this name before do not apply.
    const isAnother = this.#topicId !== undefined && topicId !== this.#topicId;
    if (isAnother) this.#revoked.clear();
    this.#topicId = topicId;
    for (const partition of partitions) {
      const [first, end] = [low.get(partition) ?? 0n, high.get(partition) ?? 0n];
      const nothing: Commit = {
        ...{ offset: first, ahead: new Set() },
        ...(mayBeFinished && { uncertainUntil: end }),
      };
      const wanted = isAnother ? nothing : (committed.get(partition) ?? nothing);
      const isGone = wanted.offset < first || wanted.offset > end;
      if (isGone) this.#warnOfJump(partition, wanted.offset, first);
      if (isGone || (this.#revoked.get(partition)?.position ?? 0n) > end) this.#revoked.delete(partition);
      this.#start(partition, isGone ? nothing : wanted);
    }
    this.#startMore();
    this.#onProgress();
  }

  /** Resumes a partition that this member had before, or else begins where the group is. */
  #start(partition: number, begin: Commit): void {
    const { topic, concurrency } = this.#settings;
    const known = this.#revoked.get(partition);
    const queue = known ?? new RecordQueue(begin, windowPerSlot * concurrency, this.#options.until?.get(partition));
    this.#revoked.delete(partition);
    this.#queues.set(partition, queue);
    this.#paused.delete(queue);
    if (known) known.rejoin(begin);
    this.#member.seek(topic, partition, queue.position);
    this.#member.resume(topic, [partition]);
    this.#throttle(partition, queue);
    if (known) this.#onQueueChanged(partition, queue);
  }

  /** kafkajs fetched from another offset: returns to the expected one, unless the topic no longer has it. */
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

  #isClosed(): boolean {
    return this.#options.signal.aborted || this.#member.closed.aborted;
  }

  #mayStart(): boolean {
    const hasRoom = this.#inFlight < this.#settings.concurrency && this.#ahead.hasRoom;
    return hasRoom && !this.#isClosed();
  }

  /** Starts records until no more may start, one of each partition after the other. */
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
      await this.#handle(entry.record); // mutant: source.handled-first
    } catch (error) {
      this.#inFlight -= 1;
      // A record that stopped because of the signal is not done, and is not a failure.
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
      // Its partitions were revoked meanwhile, so no later commit can succeed.
      if (this.#committer.isIdle) this.#ahead.clear();
      throw error;
    }
  }

  #onQueueChanged(partition: number, queue: RecordQueue): void {
    const done = queue.newlyDone();
    if (done !== null) this.#committer.mark(partition, done);
    this.#onProgress();
  }

  /** Pauses a partition that has enough records waiting, until some of them are in flight. */
  #throttle(partition: number, queue: RecordQueue): void {
    const hasEnough = queue.waiting > 2 * this.#settings.concurrency;
    if (hasEnough === this.#paused.has(queue) || this.#member.closed.aborted) return;
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

  /** Partitions of other members are done when the group has committed their end. */
  async #watchOthers(until: Offsets): Promise<void> {
    const { group, topic, onOthers = () => {} } = this.#settings;
    while (!this.#member.closed.aborted) {
      const left = await leftOf(this.#admin, group, topic, until);
      const theirs = [...left].filter(([partition]) => !this.#assigned.includes(partition));
      this.#othersDone = new Set([...until.keys()].filter((partition) => !left.has(partition)));
      this.#onProgress();
      const owners = theirs.length > 0 ? await this.#admin.owners(group, topic) : new Map<number, PartitionOwner>();
      onOthers(
        theirs.map(([partition, left]) => ({ topic, partition, left, owner: owners.get(partition)?.name ?? null })),
      );
      await delay(othersMs, undefined, { signal: this.#member.closed }).catch(() => {});
    }
  }
}
