import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { whenAborted } from '../runtime/abort.ts';
import type { FetchedMessage } from './batches/fetched-message.ts';
import type { Kafka } from './client.ts';
import { type Commit, toKafka } from './commit.ts';
import { fromKafkajs, isOutage } from './errors.ts';
import { type MissingOffsets, missingOffsets } from './fetched-offsets.ts';
import { withUndeclaredFields } from './kafkajs-internals.ts';
import { namedAssigner } from './partition-owners.ts';
import type { Trouble } from './reach.ts';
import type { ConsumerRecord } from './topic.ts';

/** How a member of a consumer group reads. */
export interface GroupSettings {
  readonly group: string;
  /** If Kafka receives no heartbeat within this time (ms), it assigns the partitions to other members. @default 6 s */
  readonly sessionTimeoutMs?: number;
  /** Bytes of a partition in one answer; Kafka sends one batch even if it is larger. */
  readonly maxBytesPerPartition: number;
  /** Bytes of one answer. */
  readonly maxBytes: number;
  /** How long (ms) the broker waits for records before it answers; a stop or a resumed partition waits as long. */
  readonly maxWaitMs: number;
  readonly partitionsConcurrently?: number;
  /** What this member writes to; the other members can read it. */
  readonly target?: string;
  /** Called at every answered heartbeat and every fetch, with records or without, while the handler makes progress. */
  readonly onAlive?: () => void;
  /** Called after each rebalance. */
  readonly onRebalanced?: () => void;
}

/** Receives the events of a member. None of these may throw; `onBatch` may fail through `fail`. */
export interface MemberHandler {
  /** After each rebalance. `isSameMember`: no other member has had those of `partitions` that this one had before. */
  onJoined(assignment: readonly TopicPartitions[], isSameMember: boolean): void;
  /** Consecutive records fetched at `fetchedOffset`; empty if all were markers. The next batch follows when it resolves. */
  onBatch(batch: FetchedBatch, heartbeat: () => Promise<void>): Promise<void>;
  /** Whether the handler makes progress: a member whose handler hangs must not count as live. Absent: it always does. */
  isMoving?(): boolean;
}

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  /** The requested offset. */
  readonly fetchedOffset: bigint;
  readonly messages: readonly FetchedMessage[];
  /** The offset that follows, past markers at the end. */
  readonly next: bigint;
  /** Offsets in [fetchedOffset, next) that compaction removed from the partition. */
  readonly missing: readonly MissingOffsets[];
}

/** A running consumer, and the way to end it with an error. */
export interface Member {
  /** The partition's next batch begins at `offset`. */
  seek(topic: string, partition: number, offset: bigint): void;
  pause(topic: string, partitions: readonly number[]): void;
  resume(topic: string, partitions: readonly number[]): void;
  /** @throws an error of kafkajs; `isOutage` says whether to try again. */
  commit(topic: string, commits: ReadonlyMap<number, Commit>): Promise<void>;
  /** Ends the run: it rejects with the first error. */
  fail(error: unknown): void;
  /** Aborts once the run has ended or failed: from then on nothing new may start. */
  readonly closed: AbortSignal;
}

/**
 * Joins the group and reads `topics` until `work` settles, then leaves. Calls `handlerOf` first; `work` starts at once, and
 * must settle soon after `closed` aborts. Commits no offsets. If an outage ends a consumer, a new consumer replaces it, after
 * a call of `onJoined` with an empty assignment.
 * @throws the error that `fail` received or `work` threw, or as `Reach.persist` does.
 */
export async function runMember(
  kafka: Kafka,
  topics: readonly string[],
  settings: GroupSettings,
  handlerOf: (member: Member) => MemberHandler,
  work: (member: Member) => Promise<void>,
): Promise<void> {
  const doing = `reading ${topics.join(', ')} as ${settings.group}`;
  const failure = Promise.withResolvers<never>();
  // It may reject before or after something waits for it.
  failure.promise.catch(() => {});
  const closed = new AbortController();
  const fail = (error: unknown) => {
    failure.reject(fromKafkajs(doing, error));
    closed.abort();
  };
  let consumer = createConsumer(kafka, settings);
  const member = { ...controls(() => consumer), fail, closed: closed.signal };
  const handler = handlerOf(member);
  using trouble = kafka.reach.trouble(doing);
  const runConsumers = async () => {
    while (!closed.signal.aborted) {
      const error = await runConsumer(consumer, topics, settings, { handler, member, kafka, trouble });
      if (closed.signal.aborted) return;
      handler.onJoined([], false);
      await trouble.after(error);
      consumer = createConsumer(kafka, settings);
    }
  };
  const consuming = runConsumers().catch(fail);
  const working = work(member);
  try {
    // The failure first: if a member failed while it joined, its work has ended too.
    await Promise.race([failure.promise, working]);
  } finally {
    closed.abort();
    await working.catch(() => {});
    await consuming;
  }
}

interface Owner {
  readonly handler: MemberHandler;
  readonly member: Member;
  readonly kafka: Kafka;
  readonly trouble: Trouble;
}

/** Runs one consumer until it fails or the member closes, then leaves the group. @returns the error of the consumer. */
async function runConsumer(
  consumer: Consumer,
  topics: readonly string[],
  settings: GroupSettings,
  owner: Owner,
): Promise<unknown> {
  const failed = Promise.withResolvers<unknown>();
  const deliveries = new Deliveries(owner);
  const observing = observe(consumer, failed.resolve, settings, owner);
  const starting = startReading(consumer, topics, settings, deliveries);
  starting.catch(failed.resolve);
  const error = await Promise.race([failed.promise, whenAborted(owner.member.closed)]);
  observing[Symbol.dispose]();
  const leaving = consumer.disconnect().catch(() => {});
  // kafkajs cannot be stopped while it joins: without this it would stay a member for ever.
  void starting.then(() => consumer.disconnect()).catch(() => {});
  await deliveries.ended();
  await Promise.race([leaving, delay(leaveMs, undefined, { ref: false })]);
  return error;
}

async function startReading(
  consumer: Consumer,
  topics: readonly string[],
  settings: GroupSettings,
  deliveries: Deliveries,
): Promise<void> {
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: settings.partitionsConcurrently ?? 1,
    eachBatch: (payload) => deliveries.handle(payload),
  });
}

/** Delivers the batches of one consumer, until it ends. */
class Deliveries {
  readonly #owner: Owner;
  readonly #inFlight = new Set<Promise<void>>();
  #isClosed = false;

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  async handle(payload: EachBatchPayload): Promise<void> {
    if (this.#isClosed) return;
    const { member } = this.#owner;
    // kafkajs must not see an error: it would fetch and deliver the same batch again.
    const handling = onBatch(payload, this.#owner).catch(member.fail);
    this.#inFlight.add(handling);
    await handling.finally(() => this.#inFlight.delete(handling));
  }

  /** Accepts no more batches. Resolves when none is in flight. */
  async ended(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#inFlight);
  }
}

function controls(current: () => Consumer): Pick<Member, 'seek' | 'pause' | 'resume' | 'commit'> {
  // A consumer that does not run yet, or failed, has nothing to control; the next one begins with a new assignment.
  const unlessRestarting = (control: () => void) => {
    try {
      control();
    } catch (error) {
      if (!isOutage(error)) throw error;
    }
  };
  return {
    seek: (topic, partition, offset) =>
      unlessRestarting(() => current().seek({ topic, partition, offset: String(offset) })),
    pause: (topic, partitions) => unlessRestarting(() => current().pause([{ topic, partitions: [...partitions] }])),
    resume: (topic, partitions) => unlessRestarting(() => current().resume([{ topic, partitions: [...partitions] }])),
    commit: (topic, commits) => current().commitOffsets(toKafka(commits).map((commit) => ({ topic, ...commit }))),
  };
}

/** How long (ms) a consumer may take to leave its group: it cannot leave if its coordinator is gone. */
const leaveMs = 5_000;

/** After this time (ms) at most, a consumer notices partitions that were added; the default of kafkajs is five minutes. */
const metadataMaxAgeMs = 5_000;

function createConsumer(kafka: Kafka, settings: GroupSettings): Consumer {
  return kafka.consumer({
    groupId: settings.group,
    sessionTimeout: sessionMsOf(settings),
    heartbeatInterval: heartbeatMsOf(settings),
    rebalanceTimeout: 60_000,
    maxBytesPerPartition: settings.maxBytesPerPartition,
    maxBytes: settings.maxBytes,
    maxWaitTimeInMs: settings.maxWaitMs,
    metadataMaxAge: metadataMaxAgeMs,
    allowAutoTopicCreation: false,
    partitionAssigners: [namedAssigner(settings.target ?? null)],
    // `runMember` replaces consumers: one that kafkajs restarts for ever looks live and is not.
    retry: { restartOnFailure: async () => false },
  });
}

const sessionMsOf = ({ sessionTimeoutMs = 6_000 }: GroupSettings): number => sessionTimeoutMs;
const heartbeatMsOf = (settings: GroupSettings): number => Math.floor(sessionMsOf(settings) / 4);

/** Passes on the events of a consumer. Dispose of it when the consumer has ended. @param onCrash receives the reason. */
function observe(
  consumer: Consumer,
  onCrash: (error: unknown) => void,
  settings: GroupSettings,
  { handler, kafka, trouble }: Owner,
): Disposable {
  let memberId: string | undefined;
  let heardAt = performance.now();
  const { onAlive, onRebalanced } = settings;
  const onAnswer = () => {
    heardAt = performance.now();
    trouble.works();
    if (handler.isMoving?.() ?? true) onAlive?.();
  };
  const listeners = [
    consumer.on(consumer.events.HEARTBEAT, onAnswer),
    consumer.on(consumer.events.FETCH, onAnswer),
    consumer.on(consumer.events.CRASH, ({ payload }) => onCrash(payload.error)),
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      heardAt = performance.now();
      trouble.works();
      onRebalanced?.();
      const isSameMember = memberId === payload.memberId;
      memberId = payload.memberId;
      const assignment = Object.entries(payload.memberAssignment);
      handler.onJoined(
        assignment.map(([topic, partitions]) => ({ topic: topic, partitions })),
        isSameMember,
      );
    }),
  ];
  // kafkajs does not report that it tries again. The sign is: no answer, and a failed connection since the last one.
  const timer = setInterval(() => {
    const reason = kafka.reach.connectionErrorSince(heardAt);
    if (reason !== null && performance.now() - heardAt > heartbeatMsOf(settings) + silenceMs) trouble.fails(reason);
  }, silenceMs / 2);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      for (const stop of listeners) stop();
    },
  };
}

/** Without an answer for this time (ms) beyond a heartbeat, a consumer may have lost its connection. */
const silenceMs = 500;

/** How often (ms) a member sends a heartbeat while its handler works. */
const handlingHeartbeatMs = 500;

/** Sends heartbeats while `work` runs, so that the member keeps its partitions however long that takes. A rebalance waits for it. */
export async function withHeartbeats<T>(heartbeat: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => void heartbeat().catch(() => {}), handlingHeartbeatMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

async function onBatch({ batch, heartbeat }: EachBatchPayload, { handler, kafka, member }: Owner): Promise<void> {
  const fetched = withUndeclaredFields(batch);
  const [topic, partition] = [batch.topic, batch.partition];
  const fetchedOffset = BigInt(fetched.fetchedOffset);
  const next = BigInt(batch.lastOffset()) + 1n;
  const missing = missingOffsets(fetched, next);
  const messages = await withHeartbeats(heartbeat, () => kafka.wire.fromWire(fetched.messages, member.closed));
  if (messages) await handler.onBatch({ topic, partition, messages, next, fetchedOffset, missing }, heartbeat);
}

/** Converts fetched messages. A record that stands for a batch begins at the requested offset if that is within the batch. */
export const toConsumerRecords = (batch: FetchedBatch): ConsumerRecord[] =>
  batch.messages.map((message) => toConsumerRecord(batch, message));

/** Converts one of the batch's messages. */
export const toConsumerRecord = (
  { topic, partition, fetchedOffset }: Omit<FetchedBatch, 'messages'>,
  message: FetchedMessage,
): ConsumerRecord => ({
  topic,
  partition,
  timestamp: Number(message.timestamp),
  key: message.key,
  value: message.value,
  ...(Object.keys(message.headers).length > 0 && { headers: message.headers }),
  ...placeOf(message, fetchedOffset),
});

function placeOf(message: FetchedMessage, fetchedOffset: bigint): Pick<ConsumerRecord, 'offset' | 'unusable'> {
  const lastOffset = BigInt(message.offset);
  if (!message.unusable) return { offset: lastOffset };
  const { firstOffset, ...unusable } = message.unusable;
  return { offset: firstOffset > fetchedOffset ? firstOffset : fetchedOffset, unusable: { ...unusable, lastOffset } };
}
