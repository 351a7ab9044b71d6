import { expect, it } from 'vitest';
import { topicIdOf } from '../../../kafka/topic-id.ts';
import { createTopic, makeTopic, testKafka, uniqueName, withAdmin } from '../../support/kafka/broker.ts';

const kafka = testKafka();

it('distinguishes a topic from a recreated one with the same name', async () => {
  const topic = await createTopic(kafka, { partitions: 3 });
  const id = await topicIdOf(kafka, topic);
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(await topicIdOf(kafka, topic)).toBe(id);
  await withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }));
  await makeTopic(kafka, topic, { partitions: 3 });
  expect(await topicIdOf(kafka, topic)).not.toBe(id);
});

it('reports a missing topic, and does not create it', async () => {
  const topic = uniqueName('absent');
  await expect(topicIdOf(testKafka({ patienceMs: 500 }), topic)).rejects.toMatchObject({
    name: 'KafkaError',
    retriable: true,
  });
  await withAdmin(kafka, async (admin) => expect(await admin.listTopics()).not.toContain(topic));
});
