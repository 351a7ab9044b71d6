import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  closedReplays,
  closingOf,
  deadLetterOf,
  failureOf,
  publishLetters,
  sentBack,
} from '../../../consumers/dead-letter.ts';
import { RecordTooLargeError } from '../../../kafka/errors.ts';
import type { ConsumerRecord, Headers } from '../../../kafka/topic.ts';
import { deadLetterCodec } from '../../../schemas/codecs.ts';
import { headersOf, newTraceparent, requestIn } from '../../../schemas/movie-request.ts';
import type { DeadLetter } from '../../../schemas/records.ts';
import { consumerRecord } from '../../support/kafka/memory-record-source.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';

const failure = { reason: 'undecodable_record', message: 'no', attempts: 1 } as const;
const failedAt = new Date(Date.UTC(2026, 4, 1));
const first = consumerRecord(7, Buffer.from('garbage'));

/** The record that Kafka would deliver after a redrive: at another offset, and later. */
const arrived = (headers: Headers | undefined, offset = 90n): ConsumerRecord => ({
  ...first,
  offset,
  timestamp: first.timestamp + 1_000,
  ...(headers && { headers }),
});

describe('a dead letter', () => {
  it('contains the unchanged record, its origin, and a replay count of 0', () => {
    expect(deadLetterOf(first, failure, failedAt)).toEqual({
      key: 'tmdb.movie-ids/0/7',
      value: {
        originTopic: 'tmdb.movie-ids',
        originPartition: 0,
        originOffset: 7n,
        originTimestamp: new Date(first.timestamp),
        originKey: first.key,
        originValue: first.value,
        replays: 0,
        ...failure,
        failedAt,
        originValueBytes: null,
        originValueSha256: null,
        originLastOffsetDelta: null,
      },
    });
  });

  it('keeps its key and its first origin however often the record is sent back, and counts the replays', () => {
    const once = deadLetterOf(first, failure, failedAt);
    const again = deadLetterOf(arrived(sentBack(once.value).headers), failure, failedAt);
    const thrice = deadLetterOf(arrived(sentBack(again.value).headers, 91n), failure, failedAt);
    expect([again, thrice]).toEqual([1, 2].map((replays) => ({ ...once, value: { ...once.value, replays } })));
  });

  it('is sent back with the original key and value', () => {
    const { key, value } = sentBack(deadLetterOf(first, failure, failedAt).value);
    expect({ key, value }).toEqual({ key: first.key, value: first.value });
  });

  it('[R180] keeps the request in the headers of the record, and is sent back with it, and with no other header', () => {
    const request = { requestedAt: failedAt, reason: 'aged', traceparent: newTraceparent() };
    const { value, headers } = deadLetterOf(arrived({ ...headersOf(request), note: 'x' }), failure, failedAt);
    expect(headers).toEqual(headersOf(request));
    const again = deadLetterOf(arrived(sentBack({ ...value, request }).headers), failure, failedAt);
    expect(requestIn(again.headers)).toEqual(request);
  });

  it.each([
    ['no headers', undefined],
    ['foreign headers', { traceparent: '00-1-2-01' }],
    ['an invalid origin', { ...sentBack(deadLetterOf(first, failure, failedAt).value).headers, 'tmdb-origin': 'x/y' }],
    [
      'an offset beyond 64 bits',
      { ...sentBack(deadLetterOf(first, failure, failedAt).value).headers, 'tmdb-origin': `a/0/${'9'.repeat(19)}` },
    ],
    ['an invalid count', { ...sentBack(deadLetterOf(first, failure, failedAt).value).headers, 'tmdb-replays': '-1' }],
  ])('starts from scratch for a record with %s', (_, headers) => {
    const { key, value } = deadLetterOf(arrived(headers), failure, failedAt);
    expect({ key, replays: value.replays }).toEqual({ key: 'tmdb.movie-ids/0/90', replays: 0 });
  });

  it('is closed by a tombstone that gives the replay count up to which it applies', () => {
    const { value: letter } = deadLetterOf(first, failure, failedAt);
    const closing = closingOf({ ...letter, replays: 2 });
    expect(closing).toMatchObject({ key: 'tmdb.movie-ids/0/7', value: null });
    expect(closedReplays(arrived(closing.headers))).toBe(2);
    expect(closedReplays(arrived(undefined))).toBe(Number.POSITIVE_INFINITY);
  });

  it('of an unreadable batch covers all its offsets, and has the size of the batch', () => {
    const [valueBytes, valueSha256] = [9_000, Buffer.alloc(32, 1)];
    const unusable = { reason: 'unreadable_batch', message: 'no', valueBytes, valueSha256, lastOffset: 12n } as const;
    const { key, value } = deadLetterOf({ ...first, key: null, unusable }, failureOf(unusable), failedAt);
    expect(key).toBe('tmdb.movie-ids/0/7');
    expect(value).toMatchObject({ reason: 'unreadable_batch', originLastOffsetDelta: 5, originValueBytes: 9_000 });
    expect(value.originValueSha256).toEqual(valueSha256);
  });

  it('can be written for any time of the record and any length of the message', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
        fc.string({ maxLength: 9 }),
        (time, text) => {
          const message = text.repeat(2_000);
          const letter = deadLetterOf({ ...first, timestamp: Number(time) }, { ...failure, message }, failedAt);
          expect(deadLetterCodec.encode(letter.value).length).toBeLessThan(10_000);
        },
      ),
    );
  });

  it('[R75] that is larger than the topic accepts is cut, and keeps size and hash of its content', async () => {
    class SmallSink extends MemorySink<DeadLetter> {
      override async publish(records: Parameters<MemorySink<DeadLetter>['publish']>[0]): Promise<void> {
        const isTooLarge = records.some(({ value }) => (value.originValue?.length ?? 0) > 100_000);
        if (isTooLarge) throw new RecordTooLargeError('too large');
        await super.publish(records);
      }
    }
    const sink = new SmallSink();
    const large = Buffer.alloc(3_000_000, 'x');
    const letters = [large, Buffer.from('small')].map((value, offset) =>
      deadLetterOf(consumerRecord(offset, value), failure, failedAt),
    );
    await publishLetters(sink, letters);
    const originValueSha256 = createHash('sha256').update(large).digest();
    expect(sink.values[0]).toMatchObject({ originValueBytes: 3_000_000, originValueSha256 });
    expect(sink.values[0]?.originValue?.length).toBe(65_536);
    expect(sink.records[1]).toEqual(letters[1]);
  });
});
