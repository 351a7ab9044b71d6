import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { TopicName } from '../../schemas/topics.ts';
import type { FetchedMessage } from './batches/record-batch.ts';
import { type Commit, toMetadata } from './commit.ts';
import { fromKafkajs, kafkaCall, protocolErrorOf } from './errors.ts';
import { type FetchedOffsets, handOutFilteredBatches, missingOffsets, type OffsetRange } from './fetched-offsets.ts';
import { namedAssigner } from './partition-owners.ts';
import type { ConsumerRecord } from './topic.ts';

/** How a member of a consumer group reads. */
export interface GroupSettings {
  readonly group: string;
  /** After so long without a sign of life its partitions go to others. Standard: 6 s. */
  readonly sessionTimeoutMs?: number;
  /** What one answer may hold of a partition; one batch is handed out even when it is larger. */
  readonly maxBytesPerPartition: number;
  /** What one answer may hold in all. */
  readonly maxBytes: number;
  /** How long the broker holds an answer back when there is nothing; also what a stop or a resumed partition waits. */
  readonly maxWaitMs: number;
  readonly partitionsConcurrently?: number;
  /** What this member writes to; the group is told. */
  readonly target?: string;
  /** Called at every sign of life (a heartbeat that was answered, a fetch, with records or without) while the handler gets on. */
  readonly onAlive?: () => void;
  /** Called after each rebalance. */
  readonly onRebalanced?: () => void;
}

/** What a member does with what happens to it. None of these may throw; `onBatch` may fail through `fail`. */
export interface MemberHandler {
  /** After each rebalance. `isSameMember`: nobody else had those of `partitions` that were ours before. */
  onJoined(assignment: readonly TopicPartitions[], isSameMember: boolean): void;
  /** Consecutive records fetched at `fetchedOffset`; empty if all were markers. The next batch follows when it resolves. */
  onBatch(batch: FetchedBatch, heartbeat: () => Promise<void>): Promise<void>;
  /** Whether it gets on: a member that lives and whose handler hangs is as good as dead. Absent: it always does. */
  isMoving?(): boolean;
}

export interface TopicPartitions {
  readonly topic: TopicName;
  readonly partitions: readonly number[];
}

export interface FetchedBatch {
  readonly topic: TopicName;
  readonly partition: number;
  /** The requested offset. */
  readonly fetchedOffset: bigint;
  readonly messages: readonly FetchedMessage[];
  /** The offset that follows, past markers at the end. */
  readonly next: bigint;
  /** Offsets in [fetchedOffset, next) that compaction removed from the partition. */
  readonly missing: readonly OffsetRange[];
}

/** A consumer that is running, and the way to end it with an error. */
export interface Member {
  /** The partition's next batch begins at `offset`. */
  seek(topic: TopicName, partition: number, offset: bigint): void;
  pause(topic: TopicName, partitions: readonly number[]): void;
  resume(topic: TopicName, partitions: readonly number[]): void;
  /** @throws Error of kafkajs; `isPassing` tells whether to try again. */
  commit(topic: TopicName, commits: ReadonlyMap<number, Commit>): Promise<void>;
  /** Ends the run: it rejects with the first error. */
  fail(error: unknown): void;
  /** Aborted once the run is over or has failed: nothing new may be begun. */
  readonly over: AbortSignal;
}

/**
 * Joins the group and reads `topics` until `work` settles, then leaves. `handlerOf` is called before anything happens;
 * `work` has to settle soon after the member is over. Offsets are never committed here.
 * @throws what `fail` was given or `work` threw, KafkaError when the consumer died: it is never restarted in secret.
 */
export async function runMember(
  kafka: Kafka,
  topics: readonly TopicName[],
  settings: GroupSettings,
  handlerOf: (member: Member) => MemberHandler,
  work: (member: Member) => Promise<void>,
): Promise<void> {
  const consumer = createConsumer(kafka, settings);
  const doing = `reading ${topics.join(', ')} as ${settings.group}`;
  const failure = Promise.withResolvers<never>();
  // Nobody may be waiting for it yet, or any more.
  failure.promise.catch(() => {});
  const over = new AbortController();
  const fail = (error: unknown) => {
    failure.reject(fromKafkajs(doing, error));
    over.abort();
  };
  const member = { ...controls(consumer), fail, over: over.signal };
  const handler = handlerOf(member);
  listen(consumer, fail, handler, settings);
  let working: Promise<void> | undefined;
  try {
    await kafkaCall(doing, () => startReading(consumer, fail, topics, settings, handler));
    working = work(member);
    // The failure first: a member that failed while it joined is over already, and so is its work.
    await Promise.race([failure.promise, working]);
  } finally {
    over.abort();
    await working?.catch(() => {});
    await consumer.disconnect().catch(() => {});
  }
}

async function startReading(
  consumer: Consumer,
  fail: Member['fail'],
  topics: readonly TopicName[],
  settings: GroupSettings,
  handler: MemberHandler,
): Promise<void> {
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: settings.partitionsConcurrently ?? 1,
    eachBatch: (payload) => onBatch(payload, fail, handler),
  });
}

/** Resolves once any of the signals is aborted. */
export const whenAborted = (...signals: AbortSignal[]): Promise<void> =>
  new Promise((resolve) => {
    const any = AbortSignal.any(signals);
    if (any.aborted) resolve();
    else any.addEventListener('abort', () => resolve(), { once: true });
  });

function controls(consumer: Consumer): Pick<Member, 'seek' | 'pause' | 'resume' | 'commit'> {
  // Between two lives of a consumer there is nothing to control; the next begins with a new assignment.
  const unlessRestarting = (control: () => void) => {
    try {
      control();
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  };
  return {
    seek: (topic, partition, offset) =>
      unlessRestarting(() => consumer.seek({ topic, partition, offset: String(offset) })),
    pause: (topic, partitions) => unlessRestarting(() => consumer.pause([{ topic, partitions: [...partitions] }])),
    resume: (topic, partitions) => unlessRestarting(() => consumer.resume([{ topic, partitions: [...partitions] }])),
    commit: (topic, commits) =>
      consumer.commitOffsets(
        [...commits].map(([partition, commit]) => {
          return { topic, partition, offset: String(commit.offset), metadata: toMetadata(commit) };
        }),
      ),
  };
}

/** What a rebalance or a coordinator that moves brings: as the member we are a moment later, it will do. */
const passing = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
]);

export const isPassing = (error: unknown): boolean =>
  passing.has(protocolErrorOf(error) ?? '') ||
  (error instanceof Error && error.message.startsWith('Consumer group was not initialized'));

/** How often in a row a consumer may die of a coordinator that is not ready: about 30 s. */
const maxRestarts = 150;

/** How long partitions that were added to a topic may go unnoticed; kafkajs itself looks every five minutes. */
const metadataMaxAgeMs = 5_000;

function createConsumer(kafka: Kafka, settings: GroupSettings): Consumer {
  handOutFilteredBatches();
  const sessionTimeout = settings.sessionTimeoutMs ?? 6_000;
  return kafka.consumer({
    groupId: settings.group,
    sessionTimeout,
    heartbeatInterval: Math.floor(sessionTimeout / 4),
    rebalanceTimeout: 60_000,
    maxBytesPerPartition: settings.maxBytesPerPartition,
    maxBytes: settings.maxBytes,
    maxWaitTimeInMs: settings.maxWaitMs,
    metadataMaxAge: metadataMaxAgeMs,
    allowAutoTopicCreation: false,
    partitionAssigners: [namedAssigner(settings.target ?? null)],
    // A coordinator that is not ready yet kills a consumer that joins. Whatever else the client's own attempts do not
    // cure ends the run: a consumer that restarts for ever looks alive and is not.
    retry: { restartOnFailure: async (error) => isPassing(error) },
  });
}

function listen(consumer: Consumer, fail: Member['fail'], handler: MemberHandler, settings: GroupSettings): void {
  let memberId: string | undefined;
  let restarts = 0;
  const { onAlive, onRebalanced } = settings;
  const signOfLife = () => {
    if (handler.isMoving?.() ?? true) onAlive?.();
  };
  consumer.on(consumer.events.HEARTBEAT, signOfLife);
  consumer.on(consumer.events.FETCH, signOfLife);
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    restarts += 1;
    if (payload.restart && restarts <= maxRestarts) handler.onJoined([], false);
    else fail(payload.error);
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    restarts = 0;
    onRebalanced?.();
    const isSameMember = memberId === payload.memberId;
    memberId = payload.memberId;
    const assignment = Object.entries(payload.memberAssignment);
    handler.onJoined(
      assignment.map(([topic, partitions]) => ({ topic: topic as TopicName, partitions })),
      isSameMember,
    );
  });
}

async function onBatch({ batch, heartbeat }: EachBatchPayload, fail: Member['fail'], handler: MemberHandler) {
  try {
    const fetched = batch as FetchedOffsets;
    const messages = batch.messages as unknown as readonly FetchedMessage[];
    const [topic, partition] = [batch.topic as TopicName, batch.partition];
    const fetchedOffset = BigInt(fetched.fetchedOffset);
    const next = BigInt(batch.lastOffset()) + 1n;
    const missing = missingOffsets(fetched, next);
    await handler.onBatch({ topic, partition, messages, next, fetchedOffset, missing }, heartbeat);
  } catch (error) {
    // To kafkajs it never fails: it would fetch and hand out the same batch again.
    fail(error);
  }
}

/** The fetched messages as records. A record that stands for a batch begins at the requested offset if that is within the batch. */
export const toConsumerRecords = ({ topic, partition, messages, fetchedOffset }: FetchedBatch): ConsumerRecord[] =>
  messages.map((message) => ({
    topic,
    partition,
    timestamp: Number(message.timestamp),
    key: message.key,
    value: message.value,
    ...(Object.keys(message.headers).length > 0 && { headers: message.headers }),
    ...placeOf(message, fetchedOffset),
  }));

function placeOf(message: FetchedMessage, fetchedOffset: bigint): Pick<ConsumerRecord, 'offset' | 'unusable'> {
  const lastOffset = BigInt(message.offset);
  if (!message.unusable) return { offset: lastOffset };
  const { firstOffset, ...unusable } = message.unusable;
  return { offset: firstOffset > fetchedOffset ? firstOffset : fetchedOffset, unusable: { ...unusable, lastOffset } };
}
