import type { Admin, ITopicConfig } from 'kafkajs';
import { expect, it } from 'vitest';
import { createMissing } from '../../../kafka/topic-admin.ts';
import { timestampBound, uncleanElection } from '../../../kafka/topic-settings.ts';
import { topicNames, topics } from '../../support/kafka/topics.ts';

const settings = { partitions: 4, replicationFactor: 3, rawRetentionMs: 86_400_000, maxBodyBytes: 4e6 };

/** A cluster without topics, which refuses topics with one of the settings `refused`. @returns the settings of each topic. */
async function createdBy(refused: readonly string[], type: string): Promise<ReadonlyMap<string, string>[]> {
  let created: ReadonlyMap<string, string>[] = [];
  const createTopics = async ({ topics: wanted }: { readonly topics: readonly ITopicConfig[] }) => {
    const configs = wanted.map(
      ({ configEntries = [] }) => new Map(configEntries.map(({ name, value }) => [name, value])),
    );
    if (configs.some((config) => refused.some((name) => config.has(name)))) {
      throw Object.assign(new Error('topics were not created'), { errors: [Object.assign(new Error(type), { type })] });
    }
    created = configs;
    return true;
  };
  const admin = { listTopics: async () => [], createTopics };
  expect(await createMissing(admin as unknown as Admin, topics, settings)).toEqual(topicNames);
  return created;
}

it.each([
  ['of any version', []],
  ['that does not know a bound for timestamps', [timestampBound]],
])('[R82] a cluster %s creates all topics without unclean elections, whatever its default is', async (_, unknown) => {
  const created = await createdBy(unknown, 'INVALID_CONFIG');
  expect(created.map((config) => config.get(uncleanElection))).toEqual(topicNames.map(() => 'false'));
});

it.each(['INVALID_CONFIG', 'POLICY_VIOLATION'])(
  'a cluster that refuses to set elections with %s creates the topics with its default',
  async (type) => {
    const created = await createdBy([uncleanElection], type);
    expect(created.map((config) => [config.has(uncleanElection), config.has('min.insync.replicas')])).toEqual(
      topicNames.map(() => [false, true]),
    );
  },
);

it('a cluster that refuses a setting which topics need creates none', async () => {
  await expect(createdBy(['max.message.bytes'], 'POLICY_VIOLATION')).rejects.toThrow('topics were not created');
});
