import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breather } from '../../../kafka/batches/breather.ts';
import { boundDecoding } from '../../../kafka/batches/fetch-response.ts';
import type { FetchedMessage } from '../../../kafka/batches/fetched-message.ts';
import * as limits from '../../../kafka/batches/limits.ts';
import { decodeBatch, nextBatch } from '../../../kafka/batches/record-batch.ts';
import { parseSkip, type Skip, Skips } from '../../../kafka/batches/skip.ts';
import { codecs, type RawRecord, rawBatch, rawBatchOf, rawRecord } from '../../support/kafka/raw-batches.ts';

const load = createRequire(import.meta.url);

const decode = async (batch: Buffer, ...skips: readonly Skip[]): Promise<readonly FetchedMessage[]> =>
  (await decodeBatch(batch, new Breather(), new Skips(skips, 't', 0))).messages;

const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
const record = fc.record<RawRecord>({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.tuple(fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 })), { maxLength: 4 }),
});

const packers = {
  none: (body: Buffer) => body,
  gzip: gzipSync,
  zstd: zstdCompressSync,
} as const;

describe('a batch of records', () => {
  it('is decoded like in kafkajs, compressed or not', async () => {
    const KafkajsDecoder = load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object;
    const kafkajsDecode = load('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<{
      readonly records: readonly (Omit<FetchedMessage, 'headers'> & { readonly headers: Record<string, unknown> })[];
    }>;
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('none' as const, 'gzip' as const),
        fc.bigInt({ min: 0n, max: 1n << 62n }),
        fc.constantFrom(0, 0x08, 0x10, 0x20),
        async (records, codec, baseOffset, attributes) => {
          const plain = Buffer.concat(records.map((one, offsetDelta) => rawRecord({ offsetDelta, ...one })));
          const body = packers[codec](plain);
          const batch = rawBatch({ body, count: records.length, codec: codecs[codec], baseOffset, attributes });
          const theirs = (await kafkajsDecode(new KafkajsDecoder(batch))).records;
          const last = (value: unknown) => String([value].flat().at(-1) ?? '');
          const expected = theirs.map((message) => ({
            ...{ offset: message.offset, timestamp: message.timestamp, key: message.key, value: message.value },
            ...{ isControlRecord: message.isControlRecord, producerId: message.batchContext.producerId },
            inTransaction: message.batchContext.inTransaction,
            headers: Object.entries(message.headers).map(([name, value]) => [name, last(value)]),
          }));
          const ours = (await decode(batch)).map(({ batchContext, attributes: _, headers, ...message }) => ({
            ...message,
            ...batchContext,
            headers: Object.entries(headers),
          }));
          expect(ours).toEqual(expected);
        },
      ),
    );
  });

  it('[R71] accounts for every offset and never throws, with any bytes changed or cut off', async () => {
    const damage = fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 5 }),
        fc.constantFrom('none' as const, 'gzip' as const, 'zstd' as const),
        damage,
        fc.nat({ max: 40 }),
        async (records, codec, changes, cut) => {
          const plain = Buffer.concat(records.map((one, offsetDelta) => rawRecord({ offsetDelta, ...one })));
          const batch = rawBatch({ body: packers[codec](plain), count: records.length, codec: codecs[codec] });
          // The header is unchanged, because the broker checks it. The rest may be anything.
          for (const [at, value] of changes) if (61 + at < batch.length) batch.writeUInt8(value, 61 + at);
          const messages = await decode(batch.subarray(0, Math.max(61, batch.length - cut)));
          expect(messages.at(-1)?.offset).toBe(String(records.length - 1));
          const covered = messages.flatMap(({ offset, unusable }) => {
            const first = Number(unusable?.firstOffset ?? offset);
            return Array.from({ length: Number(offset) - first + 1 }, (_, index) => first + index);
          });
          expect(covered).toEqual([...new Set(covered)].toSorted((a, b) => a - b));
        },
      ),
    );
  });

  it('is unusable as a whole if its header is invalid, and the next batch is found', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 61, maxLength: 90 }), async (array) => {
        const batch = Buffer.from(array);
        batch.writeInt32BE(batch.length - 12, 8);
        batch.writeInt8(2, 16);
        const messages = await decode(batch);
        for (const { offset, unusable } of messages) {
          expect(BigInt(offset) >= (unusable?.firstOffset ?? 0n) || batch.readBigInt64BE(0) < 0n).toBe(true);
        }
        const next = rawBatchOf([{ value: Buffer.from('next') }]);
        expect(nextBatch(Buffer.concat([batch, next]), batch.length)).toEqual(next);
      }),
    );
  });

  it('skips the offsets at its end that compaction removed', async () => {
    const messages = await decode(rawBatchOf([{ value: Buffer.from('x') }], { lastOffsetDelta: 9, baseOffset: 5n }));
    expect(messages).toMatchObject([
      { offset: '5', isControlRecord: false },
      { offset: '14', isControlRecord: true },
    ]);
    const empty = await decode(rawBatch({ body: Buffer.alloc(0), count: 0, lastOffsetDelta: 3, codec: codecs.lz4 }));
    expect(empty).toMatchObject([{ offset: '3', isControlRecord: true }]);
  });
});

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest();
const large = (length: number) => Buffer.alloc(length, 'v');
const headersOf = (count: number, value = '') =>
  Array.from({ length: count }, (_, index) => [`h${index}`, value] as const);

/** Records at their limits, and one beyond them. */
const records: readonly [name: string, record: RawRecord, isWithin: boolean][] = [
  ['a key at the limit', { key: large(limits.maxKeyBytes), value: large(9) }, true],
  ['a key beyond the limit', { key: large(limits.maxKeyBytes + 1), value: large(9) }, false],
  ['a key of 200 KB', { key: large(200_000), value: large(9) }, false],
  ['a key of 200 KB and no value', { key: large(200_000), value: null }, false],
  ['as many headers as the limit', { value: large(9), headers: headersOf(limits.maxHeaders) }, true],
  ['one header more than the limit', { value: large(9), headers: headersOf(limits.maxHeaders + 1) }, false],
  ['100,000 headers', { value: large(9), headers: headersOf(100_000) }, false],
  ['one header of 100 KB', { value: large(9), headers: headersOf(1, 'x'.repeat(100_000)) }, false],
  ['a value at the limit', { value: large(limits.maxRecordBytes) }, true],
  ['a value beyond the limit', { value: large(limits.maxRecordBytes + 1) }, false],
  ['a value of 20 MB', { value: Buffer.alloc(20_000_000) }, false],
];

describe('a record with', () => {
  it.each(records)(
    '[R70] %s beyond the limit is parked alone, and its neighbours are delivered',
    async (_, one, isWithin) => {
      const [before, after] = [{ value: Buffer.from('before') }, { value: Buffer.from('after') }];
      const [first, found, last] = await decode(rawBatchOf([before, one, after]));
      expect([first?.value, last?.value]).toEqual([before.value, after.value]);
      expect([first?.unusable, last?.unusable]).toEqual([undefined, undefined]);
      if (isWithin) {
        // Not compared byte by byte, because that takes vitest seconds.
        expect(found?.value?.equals(one.value ?? Buffer.alloc(0))).toBe(true);
        expect(found?.key ?? null).toEqual(one.key ?? null);
        expect(found?.unusable).toBeUndefined();
        return;
      }
      expect(found?.unusable).toMatchObject({ reason: 'record_limits_exceeded', firstOffset: 1n });
      expect(found?.key?.length ?? 0).toBeLessThanOrEqual(limits.maxKeyBytes);
      const isWhole = found?.value?.equals(one.value ?? Buffer.alloc(0)) && found.unusable?.valueBytes === null;
      if (isWhole) return;
      expect(found?.value ?? null).toEqual(one.value?.subarray(0, limits.keptBytes) ?? null);
      expect(found?.unusable).toMatchObject({
        valueBytes: one.value?.length ?? 0,
        valueSha256: sha256(one.value ?? Buffer.alloc(0)),
      });
    },
  );

  it('fields that do not fit its length is parked alone', async () => {
    const broken = Buffer.concat([Buffer.from([0, 0, 2, 1, 0x7e]), Buffer.from('short')]);
    const body = Buffer.concat([
      rawRecord({ value: Buffer.from('a') }),
      Buffer.from([broken.length << 1]),
      broken,
      rawRecord({ value: Buffer.from('c'), offsetDelta: 2 }),
    ]);
    const messages = await decode(rawBatch({ body, count: 3 }));
    expect(messages.map(({ unusable }) => unusable?.reason)).toEqual([undefined, 'undecodable_record', undefined]);
  });
});

const zeros = (length: number) => rawRecord({ value: Buffer.alloc(length) });

/** Batch bodies from which no record can be delivered. */
const unreadable: readonly [name: string, codec: number, body: Buffer, count: number, why: RegExp][] = [
  ['gzip of 40 MB of zeros', codecs.gzip, gzipSync(zeros(40_000_000)), 1, /more than 32000000 bytes/],
  ['zstd of 40 MB of zeros', codecs.zstd, zstdCompressSync(zeros(40_000_000)), 1, /more than 32000000 bytes/],
  ['invalid gzip', codecs.gzip, large(99), 1, /not what gzip writes/],
  ['gzip that is cut off', codecs.gzip, gzipSync(zeros(500)).subarray(0, 20), 1, /not what gzip writes/],
  ['invalid zstd', codecs.zstd, large(99), 1, /not what zstd writes/],
  ['invalid snappy', codecs.snappy, large(99), 1, /./],
  ['invalid lz4', codecs.lz4, large(99), 1, /not an LZ4 frame/],
  ...[5, 6, 7]
    .map((codec) => [`codec ${codec}`, codec, large(99), 1, /codec \d is unknown/] as const)
    .map((row) => [...row] as const),
  ['more records than the limit', codecs.none, large(9), limits.maxBatchRecords + 1, /exceed the limit of 100000/],
  ['a negative number of records', codecs.none, large(9), -1, /-1 records/],
  ['fewer records than it says', codecs.none, zeros(9), 2, /end early/],
  ['more records than it says', codecs.none, Buffer.concat([zeros(9), zeros(9)]), 1, /follow its last record/],
  ['two records of one offset', codecs.none, Buffer.concat([zeros(9), zeros(9)]), 2, /out of order/],
] as never;

describe('a batch with', () => {
  it.each(unreadable)('[R71] %s is one letter for all its offsets', async (_, codec, body, count, why) => {
    const batch = rawBatch({ body, count, codec, baseOffset: 100n, lastOffsetDelta: 6 });
    const [only, ...more] = await decode(batch);
    expect(more).toEqual([]);
    expect(only).toMatchObject({ offset: '106', key: null, value: batch.subarray(0, limits.keptBytes) });
    expect(only?.unusable).toMatchObject({
      ...{ reason: 'unreadable_batch', firstOffset: 100n, valueBytes: batch.length, valueSha256: sha256(batch) },
      message: expect.stringMatching(why),
    });
  });

  it('a format from before Kafka 0.11 is one letter', async () => {
    const batch = rawBatchOf([{ value: large(99) }], { baseOffset: 7n });
    batch.writeInt8(1, 16);
    expect(await decode(batch)).toMatchObject([
      { offset: '7', unusable: { reason: 'unreadable_batch', firstOffset: 7n } },
    ]);
  });
});

describe('a range to skip', () => {
  const three = () =>
    rawBatchOf(
      ['a', 'b', 'c'].map((text) => ({ value: Buffer.from(text) })),
      { baseOffset: 10n },
    );
  const skip = (text: string) => parseSkip(text) as Skip;

  it('[R74] is one record, which keeps its content, or every batch with one of the offsets', async () => {
    const one = await decode(three(), skip('t/0/11'));
    expect(one.map(({ unusable }) => unusable?.reason)).toEqual([undefined, 'undecodable_record', undefined]);
    expect(one[1]?.value).toEqual(Buffer.from('b'));
    for (const range of ['t/0/11-11', 't/0/0-10', 't/0/12-99']) {
      expect(await decode(three(), skip(range))).toMatchObject([
        { offset: '12', unusable: { reason: 'unreadable_batch', firstOffset: 10n } },
      ]);
    }
    for (const other of ['t/1/11-11', 'u/0/11-11', 't/0/0-9', 't/0/13-99', 't/0/13']) {
      expect((await decode(three(), skip(other))).map(({ unusable }) => unusable)).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    }
  });

  it.each([
    '',
    't',
    't/0',
    't/0/',
    't/0/-1',
    't/0/5-4',
    't/0/1-',
    't/x/1',
    't/0/1e3',
    '/0/1',
    't/0/9999999999999999999',
  ])('cannot be "%s"', (text) => expect(parseSkip(text)).toBeNull());
});

describe('the decoder of kafkajs', () => {
  it('[R72] is replaced for every consumer, and an answer is delivered in parts within the limits', async () => {
    boundDecoding();
    const { protocol } = load('kafkajs/src/protocol/requests/fetch') as {
      protocol(options: { version: number }): (options: object) => {
        readonly response: { decode(bytes: Buffer): Promise<Answer> };
      };
    };
    const { response } = protocol({ version: 11 })({ topics: [], maxWaitTime: 1, minBytes: 1, maxBytes: 1 });
    const bomb = rawBatch({ body: gzipSync(zeros(20_000_000)), count: 1, codec: codecs.gzip });
    const answer = await response.decode(answerOf([0, 1, 2, 3].map(() => Buffer.concat([bomb, bomb, bomb]))));
    const counts = answer.responses[0]?.partitions.map(({ messages }) => messages.length) ?? [];
    // 20 MB each, and an answer has at most 32 MB. The rest is requested again.
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2);
  });
});

interface Answer {
  readonly responses: readonly { readonly partitions: readonly { readonly messages: readonly FetchedMessage[] }[] }[];
}

/** An answer to Fetch, version 11, about partitions of one topic. */
function answerOf(partitions: readonly Buffer[]): Buffer {
  const int32 = (value: number) =>
    Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map((byte) => byte & 0xff));
  return Buffer.concat([
    ...[int32(0), Buffer.alloc(2), int32(0), int32(1), Buffer.from([0, 1]), Buffer.from('t'), int32(partitions.length)],
    ...partitions.flatMap((records, partition) => [
      // Number, no error, three offsets, no aborted transactions, no replica.
      ...[int32(partition), Buffer.alloc(2), Buffer.alloc(24), int32(0), int32(-1), int32(records.length), records],
    ]),
  ]);
}
