import { expect, it } from 'vitest';
import { createAdmin } from '../../../kafka/admin.ts';
import { createKafka } from '../../../kafka/client.ts';
import { KafkaError } from '../../../kafka/errors.ts';
import { readTopic } from '../../../kafka/read-topic.ts';
import { allTopics, createTopics } from '../../../schemas/topics.ts';
import {
  commitAs,
  createTopic,
  numbers,
  silent,
  testKafka,
  uniqueName,
  withAdmin,
  write,
  writeMessages,
} from '../../support/kafka/broker.ts';

/** With a prefix: other tests on the same broker check that no deployment without one is there. */
const topics = createTopics(`${uniqueName('admin')}.`);
const kafka = testKafka({ topics });
const settings = { partitions: 3, replicationFactor: 1, rawRetentionMs: 15_552_000_000, maxBodyBytes: 4_000_000 };

it('creates missing topics, and does not change existing ones', async () => {
  await using admin = createAdmin(kafka);
  await admin.ensureTopics(settings);
  await admin.ensureTopics({ ...settings, partitions: 7 });
  for (const { name } of allTopics(topics)) expect((await admin.topicOffsets(name)).high.size).toBe(3);
  const configs = await withAdmin(kafka, (raw) =>
    raw.describeConfigs({
      includeSynonyms: false,
      resources: [topics.movieIds.name, topics.rawMovies.name].map((name) => ({ type: 2, name })),
    }),
  );
  const settingOf = (resource: number, key: string) =>
    configs.resources[resource]?.configEntries.find(({ configName }) => configName === key)?.configValue;
  expect(settingOf(0, 'cleanup.policy')).toBe('compact');
  expect(settingOf(1, 'cleanup.policy')).toBe('delete');
  expect(settingOf(1, 'retention.ms')).toBe('15552000000');
  expect(settingOf(1, 'max.message.bytes')).toBe('8000000');
});

it('returns the first and the end offset of a topic, and the position of a group', async () => {
  await using admin = createAdmin(kafka);
  const topic = await createTopic(kafka, { partitions: 2 });
  await write(kafka, topic, ['a', 'b', 'c'], 1);
  const group = uniqueName('group');
  await commitAs(kafka, group, topic, 1, 2n);
  expect(await admin.topicOffsets(topic)).toEqual({
    low: new Map([
      [0, 0n],
      [1, 0n],
    ]),
    high: new Map([
      [0, 0n],
      [1, 3n],
    ]),
  });
  expect(await admin.committedOffsets(group, topic)).toEqual(new Map([[1, 2n]]));
  expect(await admin.committedOffsets(uniqueName('group'), topic)).toEqual(new Map());
  expect(await admin.clusterId()).toMatch(/^[\w-]{22}$/);
});

it('reports that no broker answers', async () => {
  const nowhere = createKafka({
    brokers: ['127.0.0.1:1'],
    ssl: false,
    sasl: undefined,
    clientId: 't',
    topics,
    log: silent,
    patienceMs: 500,
  });
  await expect(createAdmin(nowhere).clusterId()).rejects.toThrow(KafkaError);
});

it('leaves no timer running and causes no warning while a client has nothing to do', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  await using admin = createAdmin(kafka);
  await admin.clusterId();
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  // A poll every millisecond would be visible at nearly any moment.
  expect(timers).toBeLessThan(20);
  process.off('warning', note);
  expect(warnings.filter(({ name }) => name === 'TimeoutNegativeWarning')).toEqual([]);
});

it('creates topics of ids and of progress that Kafka compacts within a day, however small they are', {
  timeout: 90_000,
}, async () => {
  await using admin = createAdmin(kafka);
  await admin.ensureTopics(settings);
  const keys = numbers(30);
  const ofKeys = [topics.movieIds, topics.movieIdsBackfill, topics.producerState].map(({ name }) => name);
  const writeAt = (topic: string, hoursAgo: number) =>
    writeMessages(
      kafka,
      topic,
      keys.map((key) => ({ key, value: 'any', timestamp: String(Date.now() - hoursAgo * 3_600_000) })),
    );
  for (const topic of ofKeys) for (const hoursAgo of [72, 36, 0]) await writeAt(topic, hoursAgo);
  const left = async (topic: string) => {
    let records = 0;
    await readTopic(kafka, topic, () => (records += 1));
    return records;
  };
  // The newest segment, with the records of today, is not compacted.
  await expect.poll(() => Promise.all(ofKeys.map(left)), { timeout: 60_000, interval: 500 }).toEqual([60, 60, 60]);
});
