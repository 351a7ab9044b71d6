import { type Decoder, replaceFetchDecoder } from '../kafkajs-internals.ts';
import { Breather } from './breather.ts';
import type { FetchedMessage } from './fetched-message.ts';
import { maxFetch } from './limits.ts';
import { decodeBatch, nextBatch } from './record-batch.ts';
import { type Skip, Skips } from './skip.ts';

let skipped: readonly Skip[] = [];

/**
 * After this call, every consumer in this process decodes answers to Fetch within our limits. kafkajs alone decodes them without any limit:
 * it copies a record's headers once for each of them, decompresses batches of any size, supports only gzip, and ends the
 * consumer at the first batch that it cannot decode. Idempotent.
 * @param skips the offsets that all consumers skip. If omitted, the previous value stays.
 */
export function boundDecoding(skips: readonly Skip[] = skipped): void {
  skipped = skips;
  replaceFetchDecoder(decodeFetch);
}

interface Partition {
  readonly partition: number;
  readonly records: Buffer | null;
  messages: FetchedMessage[];
}

/** https://kafka.apache.org/protocol#The_Messages_Fetch, version 11. */
async function decodeFetch(decoder: Decoder): Promise<object> {
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
    // mutant: batches.answer-limit
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
