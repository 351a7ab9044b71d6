import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryLimit } from '../../../warehouse/duckdb/memory-limit.ts';

describe("DuckDB's memory limit", () => {
  it('is at most 50 % of the memory, and at most the requested value', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 100e6, max: 2 ** 50 }),
        (mostMb, available) => {
          const megabytes = Number(/^(\d+)MB$/.exec(memoryLimit(mostMb, available))?.[1]);
          expect(megabytes).toBe(Math.min(mostMb, Math.floor(available / 2e6)));
        },
      ),
    );
  });

  it('knows the memory of this machine', () => {
    expect(memoryLimit(1)).toBe('1MB');
  });
});
