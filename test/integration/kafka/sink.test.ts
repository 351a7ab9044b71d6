import { afterAll, beforeAll, expect, it } from 'vitest';
import { RecordTooLargeError } from '../../../kafka/errors.ts';
import { readTopic } from '../../../kafka/read-topic.ts';
import { type KafkaProducer, openProducer } from '../../../kafka/sink.ts';
import type { ConsumerRecord } from '../../../kafka/topic.ts';
import { createTopic, numbers, testKafka, textTopic } from '../../support/kafka/broker.ts';

const kafka = testKafka();
let producer: KafkaProducer;
beforeAll(async () => {
  producer = openProducer(kafka);
});
afterAll(() => producer[Symbol.asyncDispose]());

const recordsOf = async (topic: string): Promise<ConsumerRecord[]> => {
  const records: ConsumerRecord[] = [];
  await readTopic(kafka, topic, (record) => records.push(record));
  return records;
};
const valuesOf = async (topic: string) => (await recordsOf(topic)).map(({ value }) => String(value));
const record = (value: string, key = 'k') => ({ key, value });

it('writes the records of each key in the order of the calls', async () => {
  const topic = await createTopic(kafka, { partitions: 3 });
  await using sink = producer.sink(textTopic(topic));
  const calls = numbers(300).map((value, index) => sink.publish([record(value, `key ${index % 5}`)]));
  await Promise.all(calls);
  const records = await recordsOf(topic);
  expect(records).toHaveLength(300);
  for (let key = 0; key < 5; key += 1) {
    const ofKey = records.filter((entry) => String(entry.key) === `key ${key}`).map(({ value }) => Number(value));
    expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
  }
});

it('combines calls that are made at the same time into few requests', async () => {
  const topic = await createTopic(kafka);
  let requests = 0;
  const counting = testKafka();
  const raw = counting.producer.bind(counting);
  counting.producer = (config) => {
    const made = raw(config);
    const send = made.send.bind(made);
    made.send = (batch) => {
      requests += 1;
      return send(batch);
    };
    return made;
  };
  await using own = openProducer(counting);
  await using sink = own.sink(textTopic(topic));
  await Promise.all(numbers(500).map((value) => sink.publish([record(value)])));
  expect(requests).toBe(1);
  await sink.publish(numbers(5_000).map((value) => record(value)));
  expect(requests).toBe(1 + 3);
  expect(await valuesOf(topic)).toEqual([...numbers(500), ...numbers(5_000)]);
});

it('[R21] refuses a record that is too large, and no other call', async () => {
  const topic = await createTopic(kafka);
  await using sink = producer.sink(textTopic(topic), { maxRecordBytes: 1_000 });
  const results = await Promise.allSettled([
    sink.publish([record('a')]),
    sink.publish([record('x'.repeat(1_000))]),
    sink.publish([record('b')]),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: expect.any(RecordTooLargeError) });
  expect(await valuesOf(topic)).toEqual(['a', 'b']);
});

it('[R21] finds the record that is too large when the limit of the topic is lower than expected', async () => {
  const topic = await createTopic(kafka, { config: { 'max.message.bytes': '2000' } });
  await using sink = producer.sink(textTopic(topic));
  const results = await Promise.allSettled([
    sink.publish([record('a')]),
    sink.publish([record('x'.repeat(5_000))]),
    sink.publish([record('b')]),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: { name: 'RecordTooLargeError', retriable: false } });
  expect(await valuesOf(topic)).toEqual(['a', 'b']);
});

it('writes headers, keys of any bytes, records without a key, and tombstones', async () => {
  const topic = await createTopic(kafka);
  await using sink = producer.sink(textTopic(topic));
  const key = Buffer.from([0xff, 0x00]);
  await sink.publish([
    { key, value: 'a', headers: { 'tmdb-replays': '1', note: 'é' } },
    { key: null, value: null },
  ]);
  const [first, second] = await recordsOf(topic);
  expect(first).toMatchObject({ key, headers: { 'tmdb-replays': '1', note: 'é' } });
  expect(second).toMatchObject({ key: null, value: null });
  expect(second).not.toHaveProperty('headers');
});
