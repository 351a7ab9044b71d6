import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type FetchedOffsets, missingOffsets } from '../../../kafka/fetched-offsets.ts';

const batchOf = (fetchedOffset: number, offsets: readonly number[]) => {
  const messagesWithinOffset = offsets.map((offset) => ({ offset: String(offset) }));
  return { fetchedOffset: String(fetchedOffset), messagesWithinOffset } as unknown as FetchedOffsets;
};

it('[R83] finds every offset that a batch lacks, and no other', () => {
  fc.assert(
    fc.property(fc.nat(1e9), fc.array(fc.boolean(), { maxLength: 40 }), (first, isThere) => {
      const offsets = isThere.flatMap((there, index) => (there ? [first + index] : []));
      const missing = missingOffsets(batchOf(first, offsets), BigInt(first + isThere.length));
      const listed = missing.flatMap((range) =>
        Array.from({ length: Number(range.last - range.first) + 1 }, (_, index) => Number(range.first) + index),
      );
      expect(listed).toEqual(isThere.flatMap((there, index) => (there ? [] : [first + index])));
    }),
  );
});

it('[R83] counts the end of a compacted batch as missing, and an unreadable batch as all of its offsets', () => {
  const offsets = (batch: object[], end: bigint) =>
    missingOffsets({ fetchedOffset: '10', messagesWithinOffset: batch } as unknown as FetchedOffsets, end);
  expect(offsets([{ offset: '10' }, { offset: '11', isAbsent: true }], 12n)).toEqual([{ first: 11n, last: 11n }]);
  expect(offsets([{ offset: '12', isAbsent: true }, { offset: '13' }], 14n)).toEqual([{ first: 10n, last: 12n }]);
  expect(offsets([{ offset: '14', unusable: { firstOffset: 10n } }, { offset: '15' }], 16n)).toEqual([]);
  // A batch that begins before the requested offset.
  expect(offsets([{ offset: '14', unusable: { firstOffset: 3n } }], 15n)).toEqual([]);
  expect(offsets([{ offset: '10' }, { offset: '14', unusable: { firstOffset: 12n } }], 15n)).toEqual([
    { first: 11n, last: 11n },
  ]);
});
