import type { Admin } from 'kafkajs';
import { AdminConnection } from './admin-connection.ts';
import type { Kafka } from './client.ts';
import type { KafkaAdmin, TopicOffsets } from './cluster-admin.ts';
import { offsetsOf, toCommit, toKafka } from './commit.ts';
import { GroupInUseError, isGroupInUse } from './errors.ts';
import { commitWithoutMember } from './kafkajs-internals.ts';
import type { Commits } from './offset-committer.ts';
import { memberNames, partitionOwners } from './partition-owners.ts';
import type { Offsets } from './topic.ts';
import { applyFixes, createMissing, missingTopics, readTopics } from './topic-admin.ts';
import { topicIdOf } from './topic-id.ts';
import { judgeTopics } from './topic-preconditions.ts';

/** Connects on first use. */
export function createAdmin(kafka: Kafka): KafkaAdmin {
  const connection = new AdminConnection(kafka);
  const ask = connection.ask.bind(connection);
  const commits = (group: string, topic: string) =>
    ask(`reading the offsets of group ${group}`, (admin) => commitsOf(admin, group, topic));
  return {
    ensureTopics: (settings) => ask('creating the topics', (admin) => createMissing(admin, kafka.topics, settings)),
    missingTopics: async () => {
      const missing = await ask('listing the topics', (admin) => missingTopics(admin, kafka.topics));
      return missing.map(({ name }) => name);
    },
    examineTopics: (settings) =>
      ask('reading the settings of the topics', async (admin) =>
        judgeTopics(await readTopics(admin, kafka.topics), settings),
      ),
    applyFixes: (findings) => ask('changing the topics', (admin) => applyFixes(kafka, admin, findings)),
    topicOffsets: (topic) => ask(`reading the offsets of ${topic}`, (admin) => topicOffsets(admin, topic)),
    topicId: (topic) => topicIdOf(kafka, topic),
    offsetsAt: (topic, timestamp) =>
      ask(`reading the offsets of ${topic}`, (admin) => offsetsAt(admin, topic, timestamp)),
    committedOffsets: async (group, topic) => offsetsOf(await commits(group, topic)),
    commits,
    owners: (group, topic) =>
      ask(`asking for the members of group ${group}`, (admin) => partitionOwners(admin, group, topic)),
    groups: () => ask('listing the consumer groups', groupNames),
    members: (group) => ask(`asking for the members of group ${group}`, (admin) => memberNames(admin, group)),
    replaceCommits: (group, topic, replacing) =>
      ask(`moving the offsets of group ${group}`, () => replaceCommits(kafka, group, topic, replacing)),
    deleteGroup: (group) => connection.tryOnce((admin) => admin.deleteGroups([group])),
    clusterId: () => ask('connecting to Kafka', (admin) => clusterIdOf(kafka, admin)),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

async function clusterIdOf(kafka: Kafka, admin: Admin): Promise<string> {
  const { clusterId, brokers } = await admin.describeCluster();
  kafka.seeds.learn(brokers);
  return clusterId;
}

async function groupNames(admin: Admin): Promise<readonly string[]> {
  const { groups } = await admin.listGroups();
  return groups.map(({ groupId }) => groupId);
}

async function replaceCommits(kafka: Kafka, group: string, topic: string, commits: Commits): Promise<void> {
  try {
    await commitWithoutMember(kafka, group, { topic, partitions: toKafka(commits) });
  } catch (error) {
    throw isGroupInUse(error) ? new GroupInUseError(group, [], { cause: error }) : error;
  }
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

async function commitsOf(admin: Admin, groupId: string, topic: string): Promise<Commits> {
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
