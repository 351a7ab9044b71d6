import { expect, it } from 'vitest';
import { freshnessOf } from '../../../transform/dbt/freshness.ts';

const source = (name: string, status: string, max_loaded_at: string, age: number) => ({
  unique_id: `source.p.${name}`,
  status,
  max_loaded_at,
  max_loaded_at_time_ago_in_s: age,
});

it('names each source, and distinguishes one that was never loaded from one that was loaded long ago', () => {
  const results = [
    source('bronze.load_batches', 'pass', '2026-01-01T00:00:00Z', 4.5),
    source('bronze.raw_genres', 'error', '0001-01-01T00:00:00Z', 63_900_000_000),
  ];
  expect(freshnessOf({ results })).toEqual([
    { source: 'bronze.load_batches', status: 'pass', ageSeconds: 4.5 },
    { source: 'bronze.raw_genres', status: 'error', ageSeconds: null },
  ]);
});
