import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../schemas/codec.ts';
import { MovieSet } from '../../../schemas/movie-set.ts';

const setOf = (ids: Iterable<number>): MovieSet => {
  const set = new MovieSet();
  for (const id of ids) set.add(id);
  return set;
};

describe('a set of movies', () => {
  it('has each id once, in ascending order, also after it was encoded and decoded', () => {
    const ids = fc.array(fc.oneof(fc.integer({ min: 1, max: 300_000 }), fc.integer({ min: 1, max: 2 ** 31 - 1 })));
    fc.assert(
      fc.property(ids, (given) => {
        const expected = [...new Set(given)].sort((a, b) => a - b);
        for (const set of [setOf(given), MovieSet.decode(setOf(given).encode())]) {
          expect([...set]).toEqual(expected);
          expect(set.size).toBe(expected.length);
          for (const id of given) expect(set.has(id)).toBe(true);
          for (const id of given) expect(set.has(id + 1)).toBe(expected.includes(id + 1));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('takes a byte for six movies of a catalogue as large as that of TMDb', () => {
    // 1.2 million of 1.7 million ids, without an order.
    const ids = Iterator.from(Array.from({ length: 1_700_000 }, (_, index) => index + 1)).filter(
      (id) => (Math.imul(id, 0x9e3779b1) >>> 0) / 2 ** 32 < 0.73,
    );
    const set = setOf(ids);
    expect(set.size).toBeGreaterThan(1_200_000);
    expect(set.encode().length).toBeLessThan(220_000);
  });

  it('[R144] refuses bytes that it has not written, and bytes that would fill the memory', () => {
    const bad = [
      Buffer.alloc(0),
      Buffer.from('nonsense'),
      deflateRawSync(Buffer.alloc(100)),
      deflateRawSync(Buffer.alloc(64_000_000)),
    ];
    for (const bytes of bad) expect(() => MovieSet.decode(bytes)).toThrow(DecodeError);
    expect(MovieSet.decode(setOf([]).encode()).size).toBe(0);
  });
});
