import { setTimeout as delay } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import type { TopicName } from '../../schemas/topics.ts';
import { type Commit, toCommit } from './commit.ts';
import { kafkaCall, protocolErrorOf } from './errors.ts';
import { isPassing } from './group-member.ts';
import { type PartitionOwner, partitionOwners } from './partition-owners.ts';
import type { Offsets } from './topic.ts';
import { applyFixes, createMissing, missingTopics, readTopics } from './topic-admin.ts';
import { topicIdOf } from './topic-id.ts';
import { judgeTopics, type TopicFinding } from './topic-preconditions.ts';
import type { TopicSettings } from './topic-settings.ts';

/** Where a topic's records are: per partition the first offset that is still there, and the one after the last. */
export interface TopicOffsets {
  readonly low: Offsets;
  readonly high: Offsets;
}

/** Questions to the cluster, and the making of our topics. Every method throws KafkaError when Kafka cannot be asked. */
export interface KafkaAdmin extends AsyncDisposable {
  /** Creates missing topics and leaves existing ones unchanged. @returns the created topics. */
  ensureTopics(settings: TopicSettings): Promise<readonly TopicName[]>;
  /** Our topics that do not exist. */
  missingTopics(): Promise<readonly TopicName[]>;
  /** Preconditions of our guarantees that existing topics do not meet. Changes nothing. */
  examineTopics(settings: TopicSettings): Promise<readonly TopicFinding[]>;
  /** Applies the fixes in `findings`, and changes nothing else. */
  applyFixes(findings: readonly TopicFinding[]): Promise<void>;
  topicOffsets(topic: string): Promise<TopicOffsets>;
  /** Identifies the topic for ever: 32 hexadecimal digits; one made anew under the same name has another. */
  topicId(topic: string): Promise<string>;
  /** Per partition the first offset that was written at `timestamp` (ms since the epoch) or later; the end where none was. */
  offsetsAt(topic: string, timestamp: number): Promise<Offsets>;
  /** How far the group has committed without a gap; partitions without a commit are absent. */
  committedOffsets(group: string, topic: string): Promise<Offsets>;
  /** The same, with what was done ahead. */
  commits(group: string, topic: string): Promise<ReadonlyMap<number, Commit>>;
  /** Who has each partition of the topic in this group; partitions that nobody has now are absent. */
  owners(group: string, topic: string): Promise<ReadonlyMap<number, PartitionOwner>>;
  /** Removes a group that has no members; it is no error when that fails, Kafka forgets such groups by itself. */
  deleteGroup(group: string): Promise<void>;
  /** Identifies the cluster for ever; one made anew has another. */
  clusterId(): Promise<string>;
}

/** Connects. @throws KafkaError when no broker answers. */
export async function createAdmin(kafka: Kafka): Promise<KafkaAdmin> {
  const admin = kafka.admin();
  await kafkaCall('connecting to Kafka', () => admin.connect());
  const commits = (group: string, topic: string) =>
    kafkaCall(`reading the offsets of group ${group}`, () => commitsOf(admin, group, topic));
  return {
    ensureTopics: (settings) =>
      kafkaCall('creating the topics', () => onceLed(() => createMissing(admin, settings), justMade)),
    missingTopics: () => kafkaCall('listing the topics', () => missingTopics(admin)),
    examineTopics: (settings) =>
      kafkaCall('reading the settings of the topics', async () =>
        judgeTopics(await onceLed(() => readTopics(admin), justMade), settings),
      ),
    applyFixes: (findings) => kafkaCall('changing the topics', () => applyFixes(kafka, admin, findings)),
    topicOffsets: (topic) => kafkaCall(`reading the offsets of ${topic}`, () => topicOffsets(admin, topic)),
    topicId: (topic) => topicIdOf(kafka, topic),
    offsetsAt: (topic, timestamp) =>
      kafkaCall(`reading the offsets of ${topic}`, () => offsetsAt(admin, topic, timestamp)),
    committedOffsets: async (group, topic) => {
      const committed = await commits(group, topic);
      return new Map([...committed].map(([partition, { offset }]) => [partition, offset]));
    },
    commits,
    owners: (group, topic) =>
      kafkaCall(`asking for the members of group ${group}`, () => partitionOwners(admin, group, topic)),
    deleteGroup: async (group) => {
      await admin.deleteGroups([group]).catch(() => {});
    },
    clusterId: async () => (await kafkaCall('asking for the cluster', () => admin.describeCluster())).clusterId,
    [Symbol.asyncDispose]: () => admin.disconnect(),
  };
}

const leaderless = ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE'];
/** Creating a topic can succeed before all brokers know it; then waiting for its leaders fails. */
const justMade = [...leaderless, 'UNKNOWN_TOPIC_OR_PARTITION'];
const leaderWaitMs = 200;
/** About half a minute: a broker that was killed takes seconds to lead its partitions again. */
const leaderTries = 150;

/**
 * For a moment after a broker's start its partitions have no leader; kafkajs tries only once.
 * @param temporary Kafka's names of errors that are retried.
 */
async function onceLed<T>(ask: () => Promise<T>, temporary = leaderless): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (tries >= leaderTries || !temporary.includes(protocolErrorOf(error) ?? '')) throw error;
      await delay(leaderWaitMs);
    }
  }
}

async function topicOffsets(admin: Admin, topic: string): Promise<TopicOffsets> {
  const partitions = await onceLed(() => admin.fetchTopicOffsets(topic));
  return {
    low: new Map(partitions.map(({ partition, low }) => [partition, BigInt(low)])),
    high: new Map(partitions.map(({ partition, high }) => [partition, BigInt(high)])),
  };
}

async function offsetsAt(admin: Admin, topic: string, timestamp: number): Promise<Offsets> {
  const partitions = await onceLed(() => admin.fetchTopicOffsetsByTimestamp(topic, timestamp));
  return new Map(partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
}

async function commitsOf(
  admin: Admin,
  groupId: string,
  topic: string,
  attempt = 1,
): Promise<ReadonlyMap<number, Commit>> {
  const answers = await admin.fetchOffsets({ groupId, topics: [topic] }).catch((error: unknown) => {
    // kafkajs does not wait here for a coordinator that is just moving in.
    if (attempt < 100 && isPassing(error)) return null;
    throw error;
  });
  if (!answers) {
    await delay(200);
    return commitsOf(admin, groupId, topic, attempt + 1);
  }
  const [answer] = answers;
  const committed = answer?.partitions ?? [];
  // Kafka says -1 where nothing was committed.
  return new Map(
    committed
      .filter(({ offset }) => BigInt(offset) >= 0n)
      .map(({ partition, offset, metadata }) => [partition, toCommit(BigInt(offset), metadata)]),
  );
}
