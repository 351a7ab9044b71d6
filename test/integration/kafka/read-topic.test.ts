import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { readTopic } from '../../../kafka/read-topic.ts';
import {
  createTopic,
  deleteRecords,
  makeTopic,
  numbers,
  testKafka,
  withAdmin,
  write,
} from '../../support/kafka/broker.ts';

const kafka = testKafka();

it('reads all records quickly, and in order within a partition', async () => {
  const topic = await createTopic(kafka, { partitions: 3 });
  await Promise.all([0, 1, 2].map((partition) => write(kafka, topic, numbers(400, partition * 1_000), partition)));
  const read: string[][] = [[], [], []];
  const started = performance.now();
  await readTopic(kafka, topic, ({ partition, value }) => read[partition]?.push(String(value)));
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(read).toEqual([numbers(400), numbers(400, 1_000), numbers(400, 2_000)]);
});

it('returns at once for an empty topic, and for one whose records were all deleted', async () => {
  const topic = await createTopic(kafka, { partitions: 2 });
  const none = () => expect.unreachable();
  await readTopic(kafka, topic, none);
  await write(kafka, topic, ['a']);
  await deleteRecords(kafka, topic, '-1');
  await readTopic(kafka, topic, none);
});

it('passes on errors of the reader', async () => {
  const topic = await createTopic(kafka);
  await write(kafka, topic, ['a']);
  const failing = readTopic(kafka, topic, () => {
    throw new TypeError('no such thing');
  });
  await expect(failing).rejects.toThrow(new TypeError('no such thing'));
});

it('waits for a reader that takes longer than a session, and delivers nothing twice', async () => {
  const topic = await createTopic(kafka, { partitions: 2 });
  await Promise.all([0, 1].map((partition) => write(kafka, topic, numbers(5, partition * 10), partition)));
  const read: string[] = [];
  let inFlight = 0;
  await readTopic(kafka, topic, async ({ value }) => {
    inFlight += 1;
    expect(inFlight).toBe(1);
    await delay(String(value) === '2' ? 8_000 : 10);
    inFlight -= 1;
    read.push(String(value));
  });
  expect(read.toSorted()).toEqual([...numbers(5), ...numbers(5, 10)].toSorted());
});

it('[R101] ends with an error when the topic is created again meanwhile, and without one when retention deletes the other records', async () => {
  const [again, shortened] = [await createTopic(kafka), await createTopic(kafka)];
  for (const topic of [again, shortened]) await write(kafka, topic, numbers(5));
  const recreated = readTopic(kafka, again, async ({ value }) => {
    if (String(value) !== '0') return;
    await withAdmin(kafka, async (admin) => {
      await admin.deleteTopics({ topics: [again] });
      await vi.waitUntil(async () => !(await admin.listTopics()).includes(again), { timeout: 20_000, interval: 50 });
    });
    await makeTopic(kafka, again, {});
    // Longer than a check takes. Records that were fetched before would be delivered afterwards.
    await delay(4_000);
  });
  await expect(recreated).rejects.toThrow(/deleted and created again/);
  await readTopic(kafka, shortened, async ({ value }) => {
    if (String(value) === '0') await deleteRecords(kafka, shortened, '-1');
  });
});

it('leaves no group behind', async () => {
  const topic = await createTopic(kafka);
  await write(kafka, topic, ['a']);
  await readTopic(kafka, topic, () => {});
  const { groups } = await withAdmin(kafka, (admin) => admin.listGroups());
  expect(groups.filter(({ groupId }) => groupId.startsWith(topic))).toEqual([]);
});
