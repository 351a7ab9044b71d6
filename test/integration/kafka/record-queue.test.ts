import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toCommit, toMetadata } from '../../../kafka/commit.ts';
import { type InFlight, RecordQueue } from '../../../kafka/record-queue.ts';
import { consumerRecord } from '../../support/kafka/memory-record-source.ts';

const from = (offset: bigint, ...ahead: bigint[]) => ({ offset, ahead: new Set(ahead) });
const recordsAt = (offsets: readonly number[]) => offsets.map((offset) => consumerRecord(offset, null));

it('skips holes: offsets that Kafka does not have are done', () => {
  const queue = new RecordQueue(from(3n), 4);
  queue.receive(recordsAt([5, 9]), 12n);
  expect([queue.doneUpTo, queue.position]).toEqual([5n, 12n]);
  for (const entry of [queue.start(), queue.start()]) if (entry) queue.finish(entry);
  expect(queue.newlyDone()).toEqual(from(12n));
  expect(queue.newlyDone()).toBeNull();
});

it('accepts no record twice, and none at or after its end', () => {
  const queue = new RecordQueue(from(0n), 10, 3n);
  queue.receive(recordsAt([0, 1, 2]), 3n);
  queue.receive(recordsAt([1, 2, 3, 4]), 5n);
  const started = [1, 2, 3, 4, 5].map(() => queue.start()?.record.offset);
  expect(started).toEqual([0n, 1n, 2n, undefined, undefined]);
  expect(queue.waiting).toBe(2);
});

it('accepts a batch as one record, even if it begins before the first received offset', () => {
  const queue = new RecordQueue(from(3n), 4);
  const batch = {
    reason: 'unreadable_batch',
    message: '',
    valueBytes: null,
    valueSha256: null,
    lastOffset: 6n,
  } as const;
  queue.receive([{ ...consumerRecord(1, null), unusable: batch }, ...recordsAt([7])], 8n);
  const entry = queue.start();
  expect(entry?.record.offset).toBe(3n);
  expect(queue.newlyDone()).toBeNull();
  if (entry) queue.finish(entry);
  expect(queue.newlyDone()).toEqual(from(7n));
});

it('keeps its finished records and records in flight when its partition is assigned again, and skips records that others have finished', () => {
  const queue = new RecordQueue(from(0n), 10);
  queue.receive(recordsAt([0, 1, 2, 3, 4, 5]), 6n);
  const [first, second] = [queue.start(), queue.start(), queue.start()];
  if (second) queue.finish(second);
  // The others have finished 0 and 4; 1 is finished here, 2 is still in flight.
  queue.rejoin(from(1n, 4n));
  expect(queue.newlyDone()).toEqual(from(2n, 4n));
  const rest = [queue.start(), queue.start(), queue.start()].map((entry) => entry?.record.offset);
  expect(rest).toEqual([3n, 5n, undefined]);
  if (first) queue.finish(first);
  expect(queue.doneUpTo).toBe(2n);
  queue.rejoin(from(9n));
  expect([queue.position, queue.newlyDone()]).toEqual([9n, from(9n)]);
});

it('never reports an unfinished record as done, and limits the records that are finished out of order', () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 30 });
  const picks = fc.array(fc.nat(), { maxLength: 60 });
  fc.assert(
    fc.property(gaps, picks, fc.integer({ min: 1, max: 5 }), (steps, choices, window) => {
      const queue = new RecordQueue(from(0n), window);
      const offsets = steps.map((_, index) => steps.slice(0, index + 1).reduce((sum, step) => sum + step, -1));
      queue.receive(recordsAt(offsets), BigInt((offsets.at(-1) ?? -1) + 1));
      const inFlight: InFlight[] = [];
      const finished = new Set<bigint>();
      for (const choice of choices) {
        const entry = choice % 2 === 0 ? queue.start() : null;
        if (entry) inFlight.push(entry);
        const [done] = entry ? [] : inFlight.splice(choice % Math.max(1, inFlight.length), 1);
        if (done) {
          queue.finish(done);
          finished.add(done.record.offset);
        }
        const told = queue.newlyDone();
        expect([...(told?.ahead ?? [])].filter((offset) => !finished.has(offset))).toEqual([]);
        const upTo = queue.doneUpTo;
        expect(offsets.every((offset) => BigInt(offset) >= upTo || finished.has(BigInt(offset)))).toBe(true);
        expect([...finished].filter((offset) => offset >= upTo).length).toBeLessThan(window);
      }
    }),
  );
});

it('records work that is done while an earlier record is slow, and another process does not repeat it', () => {
  const queue = new RecordQueue(from(0n), 10);
  queue.receive(recordsAt([0, 1, 2, 4]), 5n);
  const [slow, second, third] = [queue.start(), queue.start(), queue.start()];
  if (!slow || !second || !third) throw new Error('nothing was started');
  queue.finish(second);
  queue.finish(third);
  const commit = queue.newlyDone();
  expect(commit).toEqual(from(0n, 1n, 2n));
  expect(queue.newlyDone()).toBeNull();

  const other = new RecordQueue(commit ?? from(0n), 10);
  other.receive(recordsAt([0, 1, 2, 4]), 5n);
  const started = [other.start(), other.start(), other.start()];
  expect(started.map((entry) => entry?.record.offset)).toEqual([0n, 4n, undefined]);
  if (started[0]) other.finish(started[0]);
  expect(other.newlyDone()).toEqual(from(4n));
});

it('keeps records that are done out of order in the metadata of a commit', () => {
  const places = fc.uniqueArray(fc.integer({ min: 1, max: 15_999 }), { maxLength: 600 });
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n }), places, (offset, ahead) => {
      const commit = from(offset, ...ahead.map((place) => offset + BigInt(place)));
      const metadata = toMetadata(commit);
      expect(metadata.length).toBeLessThan(4_096);
      expect(toCommit(offset, metadata)).toEqual(commit);
      const uncertain = { ...commit, uncertainUntil: offset + 1n };
      expect(toMetadata(uncertain).length).toBeLessThan(4_096);
      expect(toCommit(offset, toMetadata(uncertain))).toEqual(uncertain);
    }),
  );
  expect(toMetadata(from(5n, 5n + 100_000n))).toBe('');
  for (const foreign of [null, '', 'written by another client']) expect(toCommit(7n, foreign)).toEqual(from(7n));
});

it('[R175] marks records whose commits are lost, and keeps in its commits which ones these are', () => {
  const queue = new RecordQueue({ ...from(0n), uncertainUntil: 2n }, 10);
  queue.receive(recordsAt([0, 1, 2]), 3n);
  const started = [queue.start(), queue.start(), queue.start()];
  expect(started.map((entry) => entry?.record.mayBeFinished)).toEqual([true, true, undefined]);
  for (const [index, commit] of [{ ...from(1n), uncertainUntil: 2n }, from(2n), from(3n)].entries()) {
    const entry = started[index];
    if (entry) queue.finish(entry);
    expect(queue.newlyDone()).toEqual(commit);
  }
});
