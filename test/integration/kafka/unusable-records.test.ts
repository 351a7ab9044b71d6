import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { describe, expect, inject, it } from 'vitest';
import { readTopic } from '../../../kafka/read-topic.ts';
import { createRecordSource } from '../../../kafka/record-source.ts';
import { openProducer } from '../../../kafka/sink.ts';
import type { ConsumerRecord } from '../../../kafka/topic.ts';
import { createTopic, silent, testKafka, textTopic, uniqueName, write } from '../../support/kafka/broker.ts';
import { codecs, produceRaw, rawBatch, rawBatchOf, rawRecord } from '../../support/kafka/raw-batches.ts';

const kafka = testKafka();
const broker = () => inject('brokers')[0] ?? '';

/** Text that compresses well, and text that does not. */
const texts = ['', 'x', 'abcabcabcabc'.repeat(5_000), randomBytes(90_000).toString('base64'), 'z'.repeat(2_000_000)];

describe('a topic that Kafka compresses', () => {
  it.each(['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed', 'producer'])(
    '[R73] with %s is read as it was written',
    async (type) => {
      const config = { 'compression.type': type, 'max.message.bytes': '8000000' };
      const topic = await createTopic(kafka, { config });
      await write(kafka, topic, texts);
      const read: string[] = [];
      await readTopic(kafka, topic, ({ value }) => read.push(String(value)));
      expect(read).toEqual(texts);
    },
  );
});

describe('unusable records', () => {
  it('[R70] reach the handler as unusable, the next ones as usual, and no offset is skipped', async () => {
    const topic = await createTopic(kafka, { config: { 'max.message.bytes': '8000000' } });
    const good = (text: string) => rawBatchOf([{ key: Buffer.from('k'), value: Buffer.from(text) }]);
    const zeros = (length: number) => gzipSync(rawRecord({ value: Buffer.alloc(length) }));
    const headers = Array.from({ length: 100_000 }, (_, index) => [`h${index}`, ''] as const);
    const batches = [
      good('a'),
      rawBatchOf([{ value: Buffer.from('v'), headers }]),
      good('b'),
      rawBatchOf([{ key: Buffer.alloc(200_000, 'k'), value: Buffer.from('v') }]),
      rawBatch({ body: zeros(20_000_000), count: 1, codec: codecs.gzip }),
      good('c'),
      rawBatch({ body: zeros(40_000_000), count: 1, codec: codecs.gzip }),
      good('d'),
    ];
    for (const batch of batches) await produceRaw(broker(), topic, 0, batch);
    const records: ConsumerRecord[] = [];
    const source = createRecordSource({ kafka, topic, group: uniqueName('group'), concurrency: 4, log: silent });
    await source.run(async (record) => void records.push(record), {
      signal: AbortSignal.timeout(60_000),
      until: new Map([[0, 8n]]),
    });
    expect(
      records
        .toSorted((a, b) => Number(a.offset - b.offset))
        .map(({ unusable, value }) => unusable?.reason ?? String(value)),
    ).toEqual([
      ...['a', 'record_limits_exceeded', 'b', 'record_limits_exceeded', 'record_limits_exceeded', 'c'],
      ...['unreadable_batch', 'd'],
    ]);
    const read: string[] = [];
    await readTopic(kafka, topic, ({ value }) => read.push(String(value)));
    expect(read).toEqual(['a', 'b', 'c', 'd']);
  });

  it('that represent a batch begin at the requested offset within it', async () => {
    const topic = await createTopic(kafka);
    const body = gzipSync(
      Buffer.concat([0, 1, 2, 3].map((offsetDelta) => rawRecord({ offsetDelta, value: Buffer.alloc(9_000_000) }))),
    );
    await produceRaw(broker(), topic, 0, rawBatch({ body, count: 4, codec: codecs.gzip }));
    const group = uniqueName('group');
    await using admin = await import('../../../kafka/admin.ts').then(({ createAdmin }) => createAdmin(kafka));
    const records: ConsumerRecord[] = [];
    const source = createRecordSource({ kafka, topic, group, concurrency: 4, log: silent });
    await source.run(async (record) => void records.push(record), {
      signal: AbortSignal.timeout(60_000),
      until: new Map([[0, 4n]]),
    });
    expect(records).toMatchObject([{ offset: 0n, unusable: { reason: 'unreadable_batch', lastOffset: 3n } }]);
    expect(await admin.committedOffsets(group, topic)).toEqual(new Map([[0, 4n]]));
  });
});

it('a sink puts a key of any length into the partition that kafkajs would choose', async () => {
  const topic = await createTopic(kafka, { partitions: 7 });
  await using producer = openProducer(kafka);
  const keys = [...Array.from({ length: 40 }, (_, index) => `movie-${index}`), 'long'.repeat(100)];
  await using sink = producer.sink(textTopic(topic));
  await sink.publish(keys.map((key) => ({ key, value: key })));
  const load = createRequire(import.meta.url);
  const hash = load('kafkajs/src/producer/partitioners/default/murmur2') as (key: string) => number;
  await readTopic(kafka, topic, ({ partition, value }) => {
    expect(partition).toBe((hash(String(value)) & 0x7fffffff) % 7);
  });
});
