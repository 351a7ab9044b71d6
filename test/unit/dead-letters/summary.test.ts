import { expect, it } from 'vitest';
import type { Letter } from '../../../dead-letters/store.ts';
import { summarize } from '../../../dead-letters/summary.ts';

const letter = (id: string, reason: Letter['reason'], day: number, originTopic = 'tmdb.raw-movies'): Letter => ({
  ...{ id, reason, originTopic, originPartition: 0, originOffset: 0n, originLastOffsetDelta: null },
  ...{ originKey: null, originTimestamp: new Date(0), originValueBytes: null, originValueSha256: null },
  ...{ message: '', attempts: 1, replays: 0 },
  ...{ failedAt: new Date(Date.UTC(2026, 0, day)), movieId: null, valueBytes: null, isOpen: true },
  place: { partition: 0, offset: 0n, timestamp: 0 },
});

it('groups open letters by reason and topic, the largest group first, with the outcomes of a dry run of some', () => {
  const letters = [
    letter('a', 'attempts_exhausted', 1, 'tmdb.movie-ids'),
    letter('b', 'id_mismatch', 3),
    letter('c', 'id_mismatch', 2),
    letter('d', 'id_mismatch', 4),
  ];
  const groups = summarize(letters, [
    { id: 'a', outcome: 'fetch' },
    { id: 'c', outcome: 'park', why: 'the key and the id differ' },
    { id: 'd', outcome: 'load' },
  ]);
  expect(groups).toEqual([
    {
      ...{
        reason: 'id_mismatch',
        topic: 'tmdb.raw-movies',
        open: 3,
        why: 'the key and the id differ',
        notSimulated: 1,
      },
      ...{ oldestFailedAt: new Date('2026-01-02T00:00:00Z'), newestFailedAt: new Date('2026-01-04T00:00:00Z') },
      outcomes: { park: 1, load: 1 },
    },
    {
      ...{ reason: 'attempts_exhausted', topic: 'tmdb.movie-ids', open: 1, why: null, notSimulated: 0 },
      ...{ oldestFailedAt: new Date('2026-01-01T00:00:00Z'), newestFailedAt: new Date('2026-01-01T00:00:00Z') },
      outcomes: { fetch: 1 },
    },
  ]);
  expect(summarize([], [])).toEqual([]);
});
