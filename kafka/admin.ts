import type { Admin } from 'kafkajs';
import type { TopicName } from '../schemas/topics.ts';
import { AdminConnection } from './admin-connection.ts';
import type { Kafka } from './client.ts';
import { type Commit, toCommit } from './commit.ts';
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
  /** The owner of each partition of the topic in this group; a partition without an owner is absent. */
  owners(group: string, topic: string): Promise<ReadonlyMap<number, PartitionOwner>>;
  /** Removes a group that has no members; it is no error when that fails, Kafka forgets such groups by itself. */
  deleteGroup(group: string): Promise<void>;
  /** Identifies the cluster for ever; one made anew has another. */
  clusterId(): Promise<string>;
}

/** Connects. @throws KafkaError when no broker answers. */
export async function createAdmin(kafka: Kafka): Promise<KafkaAdmin> {
  const connection = new AdminConnection(kafka);
  const ask = connection.ask.bind(connection);
  await ask('connecting to Kafka', async () => {});
  const commits = (group: string, topic: string) =>
    ask(`reading the offsets of group ${group}`, (admin) => commitsOf(admin, group, topic));
  return {
    ensureTopics: (settings) => ask('creating the topics', (admin) => createMissing(admin, settings)),
    missingTopics: () => ask('listing the topics', missingTopics),
    examineTopics: (settings) =>
      ask('reading the settings of the topics', async (admin) => judgeTopics(await readTopics(admin), settings)),
    applyFixes: (findings) => ask('changing the topics', (admin) => applyFixes(kafka, admin, findings)),
    topicOffsets: (topic) => ask(`reading the offsets of ${topic}`, (admin) => topicOffsets(admin, topic)),
    topicId: (topic) => topicIdOf(kafka, topic),
    offsetsAt: (topic, timestamp) =>
      ask(`reading the offsets of ${topic}`, (admin) => offsetsAt(admin, topic, timestamp)),
    committedOffsets: async (group, topic) => {
      const committed = await commits(group, topic);
      return new Map([...committed].map(([partition, { offset }]) => [partition, offset]));
    },
    commits,
    owners: (group, topic) =>
      ask(`asking for the members of group ${group}`, (admin) => partitionOwners(admin, group, topic)),
    deleteGroup: (group) => connection.tryOnce((admin) => admin.deleteGroups([group])),
    clusterId: () => ask('asking for the cluster', (admin) => clusterIdOf(kafka, admin)),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

async function clusterIdOf(kafka: Kafka, admin: Admin): Promise<string> {
  const { clusterId, brokers } = await admin.describeCluster();
  kafka.seeds.learn(brokers);
  return clusterId;
}

async function topicOffsets(admin: Admin, topic: string): Promise<TopicOffsets> {
  const partitions = await admin.fetchTopicOffsets(topic);
  return {
    low: new Map(partitions.map(({ partition, low }) => [partition, BigInt(low)])),
    high: new Map(partitions.map(({ partition, high }) => [partition, BigInt(high)])),
  };
}

async function offsetsAt(admin: Admin, topic: string, timestamp: number): Promise<Offsets> {
  const partitions = await admin.fetchTopicOffsetsByTimestamp(topic, timestamp);
  return new Map(partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
}

async function commitsOf(admin: Admin, groupId: string, topic: string): Promise<ReadonlyMap<number, Commit>> {
  const answers = await admin.fetchOffsets({ groupId, topics: [topic] });
  const [answer] = answers;
  const committed = answer?.partitions ?? [];
  // Kafka says -1 where nothing was committed.
  return new Map(
    committed
      .filter(({ offset }) => BigInt(offset) >= 0n)
      .map(({ partition, offset, metadata }) => [partition, toCommit(BigInt(offset), metadata)]),
  );
}
