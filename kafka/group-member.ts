import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import type { FetchedMessage } from './batches/fetched-message.ts';
import type { Kafka } from './client.ts';
import { type Commit, toMetadata } from './commit.ts';
import { fromKafkajs, isOutage } from './errors.ts';
import { missingOffsets, type OffsetRange } from './fetched-offsets.ts';
import { withUndeclaredFields } from './kafkajs-internals.ts';
import { namedAssigner } from './partition-owners.ts';
import type { ConsumerRecord } from './topic.ts';
import type { Trouble } from './trouble.ts';

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
  /** After each rebalance. `isSameMember`: no other member has had those of `partitions` that this one had before. */
  onJoined(assignment: readonly TopicPartitions[], isSameMember: boolean): void;
  /** Consecutive records fetched at `fetchedOffset`; empty if all were markers. The next batch follows when it resolves. */
  onBatch(batch: FetchedBatch, heartbeat: () => Promise<void>): Promise<void>;
  /** Whether it gets on: a member that lives and whose handler hangs is as good as dead. Absent: it always does. */
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
  readonly missing: readonly OffsetRange[];
}

/** A consumer that is running, and the way to end it with an error. */
export interface Member {
  /** The partition's next batch begins at `offset`. */
  seek(topic: string, partition: number, offset: bigint): void;
  pause(topic: string, partitions: readonly number[]): void;
  resume(topic: string, partitions: readonly number[]): void;
  /** @throws Error of kafkajs; `isOutage` tells whether to try again. */
  commit(topic: string, commits: ReadonlyMap<number, Commit>): Promise<void>;
  /** Ends the run: it rejects with the first error. */
  fail(error: unknown): void;
  /** Aborted once the run is over or has failed: nothing new may be begun. */
  readonly over: AbortSignal;
}

/**
 * Joins the group and reads `topics` until `work` settles, then leaves. `handlerOf` is called before anything happens; `work`
 * begins at once, and has to settle soon after the member is over. Offsets are never committed here. A consumer that died
 * of an outage is followed by another one, after `onJoined` was told that nothing is assigned any more.
 * @throws what `fail` was given or `work` threw, or as `Reach.persist` does.
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
  // Nobody may be waiting for it yet, or any more.
  failure.promise.catch(() => {});
  const over = new AbortController();
  const fail = (error: unknown) => {
    failure.reject(fromKafkajs(doing, error));
    over.abort();
  };
  let consumer = createConsumer(kafka, settings);
  const member = { ...controls(() => consumer), fail, over: over.signal };
  const handler = handlerOf(member);
  using trouble = kafka.reach.trouble(doing);
  const live = async () => {
    while (!over.signal.aborted) {
      const error = await liveOnce(consumer, topics, settings, { handler, member, kafka, trouble });
      if (over.signal.aborted) return;
      handler.onJoined([], false);
      await trouble.after(error);
      consumer = createConsumer(kafka, settings);
    }
  };
  const living = live().catch(fail);
  const working = work(member);
  try {
    // The failure first: a member that failed while it joined is over already, and so is its work.
    await Promise.race([failure.promise, working]);
  } finally {
    over.abort();
    await working.catch(() => {});
    await living;
  }
}

interface Life {
  readonly handler: MemberHandler;
  readonly member: Member;
  readonly kafka: Kafka;
  readonly trouble: Trouble;
}

/** One consumer, from its start until it dies or the member is over. It has left its group then. @returns what it died of. */
async function liveOnce(
  consumer: Consumer,
  topics: readonly string[],
  settings: GroupSettings,
  life: Life,
): Promise<unknown> {
  const died = Promise.withResolvers<unknown>();
  const batches = new Batches(life);
  const watching = watchOver(consumer, died.resolve, settings, life);
  const starting = startReading(consumer, topics, settings, batches);
  starting.catch(died.resolve);
  const error = await Promise.race([died.promise, whenAborted(life.member.over)]);
  watching[Symbol.dispose]();
  const leaving = consumer.disconnect().catch(() => {});
  // kafkajs cannot be stopped while it joins: it would go on for ever, as a member that nobody knows of.
  void starting.then(() => consumer.disconnect()).catch(() => {});
  await batches.ended();
  await Promise.race([leaving, delay(leaveMs, undefined, { ref: false })]);
  return error;
}

async function startReading(
  consumer: Consumer,
  topics: readonly string[],
  settings: GroupSettings,
  batches: Batches,
): Promise<void> {
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: settings.partitionsConcurrently ?? 1,
    eachBatch: (payload) => batches.handle(payload),
  });
}

/** What a consumer hands out: nothing any more once it is dead. */
class Batches {
  readonly #life: Life;
  readonly #inFlight = new Set<Promise<void>>();
  #isOver = false;

  constructor(life: Life) {
    this.#life = life;
  }

  async handle(payload: EachBatchPayload): Promise<void> {
    if (this.#isOver) return;
    const { handler, member } = this.#life;
    // To kafkajs it never fails: it would fetch and hand out the same batch again.
    const handling = onBatch(payload, handler).catch(member.fail);
    this.#inFlight.add(handling);
    await handling.finally(() => this.#inFlight.delete(handling));
  }

  /** Resolves when nothing is in hand. */
  async ended(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#inFlight);
  }
}

/** Resolves once any of the signals is aborted. */
export const whenAborted = (...signals: AbortSignal[]): Promise<void> =>
  new Promise((resolve) => {
    const any = AbortSignal.any(signals);
    if (any.aborted) resolve();
    else any.addEventListener('abort', () => resolve(), { once: true });
  });

function controls(current: () => Consumer): Pick<Member, 'seek' | 'pause' | 'resume' | 'commit'> {
  // Before a consumer runs and after it died there is nothing to control; the next begins with a new assignment.
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
    commit: (topic, commits) =>
      current().commitOffsets(
        [...commits].map(([partition, commit]) => {
          return { topic, partition, offset: String(commit.offset), metadata: toMetadata(commit) };
        }),
      ),
  };
}

/** How long (ms) a consumer may take to leave its group; one whose coordinator is gone cannot. */
const leaveMs = 5_000;

/** How long partitions that were added to a topic may go unnoticed; kafkajs itself looks every five minutes. */
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
    // Its restarts are ours: a consumer that kafkajs restarts for ever looks alive and is not.
    retry: { restartOnFailure: async () => false },
  });
}

const sessionMsOf = ({ sessionTimeoutMs = 6_000 }: GroupSettings): number => sessionTimeoutMs;
const heartbeatMsOf = (settings: GroupSettings): number => Math.floor(sessionMsOf(settings) / 4);

/** Passes on what happens to a consumer. Dispose of it when it is dead. @param onDeath is told why. */
function watchOver(
  consumer: Consumer,
  onDeath: (error: unknown) => void,
  settings: GroupSettings,
  { handler, kafka, trouble }: Life,
): Disposable {
  let memberId: string | undefined;
  let heardAt = performance.now();
  const { onAlive, onRebalanced } = settings;
  const signOfLife = () => {
    heardAt = performance.now();
    trouble.works();
    if (handler.isMoving?.() ?? true) onAlive?.();
  };
  const listeners = [
    consumer.on(consumer.events.HEARTBEAT, signOfLife),
    consumer.on(consumer.events.FETCH, signOfLife),
    consumer.on(consumer.events.CRASH, ({ payload }) => onDeath(payload.error)),
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
  // kafkajs does not tell that it tries again: it has heard nothing, and a connection has failed since.
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

/** Without an answer for so long (ms) beyond the time of a heartbeat, a consumer may be cut off. */
const silenceMs = 500;

async function onBatch({ batch, heartbeat }: EachBatchPayload, handler: MemberHandler): Promise<void> {
  const fetched = withUndeclaredFields(batch);
  const [topic, partition] = [batch.topic, batch.partition];
  const fetchedOffset = BigInt(fetched.fetchedOffset);
  const next = BigInt(batch.lastOffset()) + 1n;
  const missing = missingOffsets(fetched, next);
  await handler.onBatch({ topic, partition, messages: fetched.messages, next, fetchedOffset, missing }, heartbeat);
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
