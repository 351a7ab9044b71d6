import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goldFileOf } from '../../../warehouse/duckdb/settings.ts';

const names = fc.oneof(
  fc.string({ minLength: 1, maxLength: 8 }),
  fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_.-]{0,6}(\.duckdb|\.db|)$/),
);

describe('the default name of the copy of GOLD', () => {
  it('is that of the warehouse file, so that SQL needs no quotes for the database', () => {
    expect(goldFileOf('tmdb.duckdb')).toBe('tmdb_gold.duckdb');
    expect(goldFileOf('movies_2.duckdb')).toBe('movies_2_gold.duckdb');
  });

  it('is a name without quotes for each warehouse file, and a different one for each', () => {
    fc.assert(
      fc.property(names, names, (one, other) => {
        expect(goldFileOf(one)).toMatch(/^[a-z_][a-z0-9_]*\.duckdb$/);
        expect(goldFileOf(one) === goldFileOf(other)).toBe(one === other);
      }),
    );
  });

  it.each([
    ['tmdb-1.duckdb', 'tmdb_1.duckdb'],
    ['tmdb.duckdb', 'tmdb.db'],
    ['tmdb.duckdb', 'tmdb'],
    ['Tmdb.duckdb', 'tmdb.duckdb'],
    ['1.duckdb', '_1.duckdb'],
  ])('is different for %s and %s', (one, other) => {
    expect(goldFileOf(one)).not.toBe(goldFileOf(other));
  });
});
