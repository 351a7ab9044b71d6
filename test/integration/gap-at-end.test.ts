import { expect, it } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import { deleteRecords, testKafka, uniqueName, writeMessages } from '../support/kafka/broker.ts';
import { Deployment } from '../support/kafka/deployment.ts';

const kafka = testKafka();

it('[R15] stops at a gap that reaches to the end of the topic, and records it when a person accepts it', async () => {
  await using admin = createAdmin(kafka);
  await using deployment = await Deployment.open(`${uniqueName('gap')}.`, 4);
  const topic = deployment.context.config.kafka.topics.rawMovies.name;
  expect((await deployment.ingest()).rows).toBeGreaterThan(0);
  const lost = (await admin.topicOffsets(topic)).high.get(0) ?? 0n;
  await writeMessages(kafka, topic, [{ key: '7', value: 'not loaded', partition: 0 }]);
  await deleteRecords(kafka, topic, '-1');

  await expect(deployment.load()).rejects.toThrow(`${topic}/0/${lost}-${lost}: these 1 offsets were never loaded`);
  expect(await deployment.load([{ topic, partition: 0, first: lost, last: lost }])).toBe(0);
  expect(await deployment.load()).toBe(0);
});
