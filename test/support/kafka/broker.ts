import { randomUUID } from 'node:crypto';
import { Partitioners } from 'kafkajs';
import { pino } from 'pino';
import { inject, vi } from 'vitest';
import type { Kafka as Client, KafkaOptions } from '../../../kafka/client.ts';
import type { Codec } from '../../../schemas/codec.ts';
import { plainClient } from './client.ts';

export const silent = pino({ level: process.env['LOG_LEVEL'] ?? 'silent' });

/** A client of the broker that all integration tests share. */
export const testKafka = (more: Partial<KafkaOptions> = {}): Client => plainClient(inject('brokers'), undefined, more);

/** A topic and a group that no other test uses. */
export const uniqueName = (what: string): string => `${what}-${randomUUID()}`;

export interface TestTopic {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export async function createTopic(kafka: Client, { partitions = 1, config = {} }: TestTopic = {}): Promise<string> {
  const topic = uniqueName('test');
  await makeTopic(kafka, topic, { partitions, config });
  return topic;
}

/** Resolves when every partition of the topic has a leader. */
export async function makeTopic(kafka: Client, topic: string, options: TestTopic): Promise<void> {
  const configEntries = Object.entries(options.config ?? {}).map(([name, value]) => ({ name, value }));
  await withAdmin(kafka, async (admin) => {
    // If kafkajs waits for the leaders, it fails when the broker does not know the new topic yet.
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: options.partitions ?? 1, configEntries }],
    });
    await vi.waitFor(() => admin.fetchTopicOffsets(topic), { timeout: 20_000, interval: 20 });
  });
}

export async function withAdmin<T>(kafka: Client, use: (admin: ReturnType<Client['admin']>) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Writes values with their index as key, in one request. */
export async function write(kafka: Client, topic: string, values: readonly string[], partition = 0): Promise<void> {
  await writeMessages(
    kafka,
    topic,
    values.map((value, index) => ({ key: String(index), value, partition })),
  );
}

export async function writeMessages(
  kafka: Client,
  topic: string,
  messages: { key: string; value: string | Buffer | null; partition?: number; timestamp?: string }[],
): Promise<void> {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  try {
    await producer.send({ topic, messages });
  } finally {
    await producer.disconnect();
  }
}

/** A topic of plain text. */
export const textTopic = (name: string) => ({ name, codec: textCodec, content: 'answer' }) as const;

/** Text as UTF-8. */
const textCodec: Codec<string> = { encode: (text) => Buffer.from(text), decode: (bytes) => bytes.toString() };

export const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => String(from + i));

/** Deletes the records before `offset` (-1: all records), as retention would. */
export async function deleteRecords(kafka: Client, topic: string, offset: string, partition = 0): Promise<void> {
  await withAdmin(kafka, async (admin) => {
    // kafkajs searches only topics that it was asked about before.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset }] });
  });
}

/** Joins a group and commits nothing. Leaves when it is disposed of. */
export async function joinAs(kafka: Client, groupId: string, topic: string) {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => {} });
  await joined;
  return {
    commit: (partition: number, offset: bigint) =>
      consumer.commitOffsets([{ topic, partition, offset: String(offset) }]),
    [Symbol.asyncDispose]: () => consumer.disconnect(),
  };
}

/** Commits as the only member of a group. */
export async function commitAs(
  kafka: Client,
  groupId: string,
  topic: string,
  partition: number,
  offset: bigint,
): Promise<void> {
  await using member = await joinAs(kafka, groupId, topic);
  await member.commit(partition, offset);
}
