import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type InHand, RecordQueue } from '../../../lib/kafka/record-queue.ts';
import { consumerRecord } from '../../support/memory-record-source.ts';

const recordsAt = (offsets: readonly number[]) => offsets.map((offset) => consumerRecord(offset, null));

it('passes over holes: what Kafka does not have is done', () => {
  const queue = new RecordQueue(3n, 4);
  queue.receive(recordsAt([5, 9]), 12n);
  expect([queue.doneUpTo, queue.position]).toEqual([5n, 12n]);
  for (const entry of [queue.start(), queue.start()]) if (entry) queue.finish(entry);
  expect(queue.newlyDone()).toBe(12n);
  expect(queue.newlyDone()).toBeNull();
});

it('takes no record twice, and none at or behind its end', () => {
  const queue = new RecordQueue(0n, 10, 3n);
  queue.receive(recordsAt([0, 1, 2]), 3n);
  queue.receive(recordsAt([1, 2, 3, 4]), 5n);
  const started = [1, 2, 3, 4, 5].map(() => queue.start()?.record.offset);
  expect(started).toEqual([0n, 1n, 2n, undefined, undefined]);
  expect(queue.waiting).toBe(2);
});

it('never calls done what is not, nor lets more than a window of finished records lie ahead', () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 30 });
  const picks = fc.array(fc.nat(), { maxLength: 60 });
  fc.assert(
    fc.property(gaps, picks, fc.integer({ min: 1, max: 5 }), (steps, choices, window) => {
      const queue = new RecordQueue(0n, window);
      const offsets = steps.map((_, index) => steps.slice(0, index + 1).reduce((sum, step) => sum + step, -1));
      queue.receive(recordsAt(offsets), BigInt((offsets.at(-1) ?? -1) + 1));
      const inHand: InHand[] = [];
      const finished = new Set<bigint>();
      for (const choice of choices) {
        const entry = choice % 2 === 0 ? queue.start() : null;
        if (entry) inHand.push(entry);
        const [done] = entry ? [] : inHand.splice(choice % Math.max(1, inHand.length), 1);
        if (done) {
          queue.finish(done);
          finished.add(done.record.offset);
        }
        const upTo = queue.doneUpTo;
        expect(offsets.every((offset) => BigInt(offset) >= upTo || finished.has(BigInt(offset)))).toBe(true);
        expect([...finished].filter((offset) => offset >= upTo).length).toBeLessThan(window);
      }
    }),
  );
});
