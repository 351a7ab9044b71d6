import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { GeneratedCatalogue } from '../../../sandbox/catalogue-generated.ts';

/** In a separate file, and so in a separate process, so that nothing else changes the heap. */
describe('a walk through a generated catalogue of a million movies', () => {
  const catalogue = new GeneratedCatalogue({ movies: 1_000_000 });
  const boundBytes = 2_000_000;
  let collectGarbage: () => void;

  beforeAll(() => {
    setFlagsFromString('--expose-gc');
    collectGarbage = runInNewContext('gc');
  });

  const used = async () => {
    // A separate thread frees buffers, after the collection that finds them unused.
    for (let round = 0; round < 3; round += 1) {
      collectGarbage();
      await delay(1);
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };

  /** Bytes that are still held after 100,000 documents. */
  const held = async (keep: (id: number) => void) => {
    const walk = (from: number, to: number) => {
      for (let rank = from; rank < to; rank += 1) {
        const id = catalogue.idAtRank(rank);
        catalogue.document(id);
        keep(id);
      }
    };
    walk(0, 5_000);
    const before = await used();
    walk(5_000, 105_000);
    return (await used()) - before;
  };

  it('keeps no memory', { tags: ['full'], timeout: 60_000 }, async () => {
    expect(await held(() => {})).toBeLessThan(boundBytes);
  });

  it('would be detected if it kept only an empty object for each id', {
    tags: ['full'],
    timeout: 60_000,
  }, async () => {
    const kept = new Map<number, object>();
    expect(await held((id) => kept.set(id, {}))).toBeGreaterThan(boundBytes);
    expect(kept.size).toBe(105_000);
  });
});
