import { createRequire } from 'node:module';
import { Breather } from './breather.ts';
import { maxFetch } from './limits.ts';
import { decodeBatch, type FetchedMessage, nextBatch } from './record-batch.ts';
import { type Skip, Skips } from './skip.ts';

/**
 * What is replaced inside kafkajs, and the version of it that this file knows: `test/unit/lib/kafka/kafkajs-decoder.test.ts`
 * fails when another one is installed. kafkajs decodes an answer to Fetch without any limit: it copies a record's headers once
 * for each of them, decompresses whatever a batch holds, knows gzip alone, and ends the consumer at the first batch that it
 * cannot decode. Here the same answer is decoded by `record-batch.ts`. Fetch is asked for in version 11 by every broker since
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
 * From now on every consumer of kafkajs in this process decodes within our limits. Safe to call again.
 * @param skips what all of them skip; without it, what was set before stays.
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
 * Decodes batches until one answer's worth of work is done. What is left over counts as not sent: the consumer asks for it next.
 * The partition to begin with is any, so that none waits for another for ever.
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
