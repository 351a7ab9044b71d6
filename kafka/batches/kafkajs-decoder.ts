import { createRequire } from 'node:module';
import { Breather } from './breather.ts';
import type { FetchedMessage } from './fetched-message.ts';
import { maxFetch } from './limits.ts';
import { decodeBatch, nextBatch } from './record-batch.ts';
import { type Skip, Skips } from './skip.ts';

/**
 * Replaces the batch decoder inside kafkajs. This file is written for one version of kafkajs: `test/unit/runtime/kafka/kafkajs-decoder.test.ts`
 * fails when another one is installed. kafkajs decodes an answer to Fetch without any limit. It copies a record's headers once
 * for each of them, decompresses batches of any size, supports only gzip, and ends the consumer at the first batch that it
 * cannot decode. Here `record-batch.ts` decodes the same answer. kafkajs sends Fetch version 11 to every broker since
 * Kafka 2.3; we need 2.8.
 */
export const knownKafkajs = { version: '2.2.4', fetchVersion: 11 } as const;

interface Decoder {
  readInt8(): number;
  readInt16(): number;
  readInt32(): number;
  readInt64(): bigint;
  readString(): string;
  readBytes(length?: number): Buffer | null;
  readArray<T>(read: (decoder: Decoder) => T): T[];
}

interface FetchResponse {
  decode(bytes: Buffer): Promise<object>;
}

const load = createRequire(import.meta.url);

let skipped: readonly Skip[] = [];

/**
 * After this call, every kafkajs consumer in this process decodes within our limits. Idempotent.
 * @param skips the offsets that all consumers skip. If omitted, the previous value stays.
 */
export function boundDecoding(skips: readonly Skip[] = skipped): void {
  skipped = skips;
  const response = load(`kafkajs/src/protocol/requests/fetch/v${knownKafkajs.fetchVersion}/response`) as FetchResponse;
  response.decode = decodeFetch;
}

interface Partition {
  readonly partition: number;
  readonly records: Buffer | null;
  messages: FetchedMessage[];
}

/** https://kafka.apache.org/protocol#The_Messages_Fetch, version 11. */
async function decodeFetch(bytes: Buffer): Promise<object> {
  const KafkajsDecoder = load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder;
  const decoder = new KafkajsDecoder(bytes);
  const clientSideThrottleTime = decoder.readInt32();
  const errorCode = decoder.readInt16();
  const sessionId = decoder.readInt32();
  const responses = decoder.readArray(readTopic);
  await decodeRecords(
    responses.flatMap(({ topicName, partitions }) =>
      partitions.map((of) => ({ of, skips: new Skips(skipped, topicName, of.partition) })),
    ),
  );
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

const readTopic = (decoder: Decoder) => ({
  topicName: decoder.readString(),
  partitions: decoder.readArray(readPartition),
});

const readPartition = (decoder: Decoder) => ({
  partition: decoder.readInt32(),
  errorCode: decoder.readInt16(),
  highWatermark: String(decoder.readInt64()),
  lastStableOffset: String(decoder.readInt64()),
  lastStartOffset: String(decoder.readInt64()),
  abortedTransactions: decoder.readArray((transaction) => ({
    producerId: String(transaction.readInt64()),
    firstOffset: String(transaction.readInt64()),
  })),
  preferredReadReplica: decoder.readInt32(),
  records: decoder.readBytes(),
  messages: [] as FetchedMessage[],
});

/**
 * Decodes batches until the limits for one answer are reached. The rest counts as not sent: the consumer fetches it next.
 * The first partition is chosen at random, so that no partition starves.
 */
async function decodeRecords(partitions: readonly { readonly of: Partition; readonly skips: Skips }[]): Promise<void> {
  const breather = new Breather();
  const first = Math.floor(Math.random() * partitions.length);
  let [bytes, records] = [0, 0];
  for (const { of: partition, skips } of [...partitions.slice(first), ...partitions.slice(0, first)]) {
    let batch = partition.records && nextBatch(partition.records, 0);
    let at = 0;
    while (batch && partition.records && bytes < maxFetch.bytes && records < maxFetch.records) {
      const { messages, inflatedBytes } = await decodeBatch(batch, breather, skips);
      for (const message of messages) partition.messages.push(message);
      bytes += inflatedBytes;
      records += messages.length;
      at += batch.length;
      await breather.breathe();
      batch = nextBatch(partition.records, at);
    }
  }
}
