import { expect, it } from 'vitest';
import { createAdmin } from '../../../kafka/admin.ts';
import { lagOf } from '../../../kafka/lag.ts';
import { createTopic, testKafka, writeMessages } from '../../support/kafka/broker.ts';

const kafka = testKafka();
const nowMs = Date.now();

/** A topic of two partitions with a record of each age, in order, in partition 0. */
async function topicWithAges(...secondsAgo: readonly number[]) {
  const topic = await createTopic(kafka, { partitions: 2 });
  const messages = secondsAgo.map((age, index) => ({
    key: String(index),
    value: 'x',
    partition: 0,
    timestamp: String(nowMs - age * 1_000 - 500),
  }));
  if (messages.length > 0) await writeMessages(kafka, topic, messages);
  return topic;
}

it('is zero if everything is done, or nothing was written', async () => {
  await using admin = createAdmin(kafka);
  expect(await lagOf(admin, await topicWithAges(), new Map(), nowMs)).toEqual({ records: 0, seconds: 0 });
  const done = new Map([[0, 2n]]);
  expect(await lagOf(admin, await topicWithAges(90, 5), done, nowMs)).toEqual({ records: 0, seconds: 0 });
});

it('counts the waiting records and returns the age of the oldest', async () => {
  await using admin = createAdmin(kafka);
  const topic = await topicWithAges(86_400, 1_000, 37, 0);
  const lags = [];
  for (const next of [0n, 1n, 2n, 3n]) lags.push(await lagOf(admin, topic, new Map([[0, next]]), nowMs));
  expect(lags).toEqual([
    { records: 4, seconds: 86_400 },
    { records: 3, seconds: 1_000 },
    { records: 2, seconds: 37 },
    { records: 1, seconds: 0 },
  ]);
});

it('counts a partition without a committed offset from its first record', async () => {
  await using admin = createAdmin(kafka);
  expect(await lagOf(admin, await topicWithAges(12, 3), new Map(), nowMs)).toEqual({ records: 2, seconds: 12 });
});
