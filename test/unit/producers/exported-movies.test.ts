import { expect, it } from 'vitest';
import { readExported, saveExported } from '../../../producers/exported-movies.ts';
import { readProgress, saveProgress } from '../../../producers/producer-state.ts';
import { producerStateCodec } from '../../../schemas/codecs.ts';
import { MovieSet } from '../../../schemas/movie-set.ts';
import type { ProducerState } from '../../../schemas/records.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { consumerRecord } from '../../support/kafka/memory-record-source.ts';
import { MemorySink } from '../../support/kafka/memory-sink.ts';

const now = Date.UTC(2026, 7, 31, 12);
const clock = new ManualClock(now);

const moviesOf = (...ids: number[]): MovieSet => {
  const set = new MovieSet();
  for (const id of ids) set.add(id);
  return set;
};

const reading =
  (sink: MemorySink<ProducerState>) => async (onRecord: (record: ReturnType<typeof consumerRecord>) => void) => {
    for (const [offset, { key, value }] of sink.records.entries()) {
      onRecord(consumerRecord(offset, producerStateCodec.encode(value), Buffer.from(String(key))));
    }
  };

const idsIn = async (sink: MemorySink<ProducerState>) => {
  const exported = await readExported(reading(sink), now);
  return [...exported].map(([producer, { day, movies }]) => [producer, day, [...movies]]);
};

it('[R144] the ids of an export are those of the newest day, for each of the two files', async () => {
  const state = new MemorySink<ProducerState>();
  await saveExported(state, clock, 'export', { day: '2026-08-30', movies: moviesOf(1, 2, 70_000) });
  await saveExported(state, clock, 'export', { day: '2026-08-29', movies: moviesOf(1) });
  await saveExported(state, clock, 'export-adult', { day: '2026-08-31', movies: moviesOf(5) });
  expect(await idsIn(state)).toEqual([
    ['export', '2026-08-30', [1, 2, 70_000]],
    ['export-adult', '2026-08-31', [5]],
  ]);
});

it('[R144] a set of ids is no progress, and a progress is no set', async () => {
  const state = new MemorySink<ProducerState>();
  await saveExported(state, clock, 'export', { day: '2026-08-31', movies: moviesOf(1) });
  expect(await readProgress(reading(state), 'export', now)).toBe(null);
  await saveProgress(state, clock, 'export', { day: '2026-08-30', lines: 7, isComplete: false });
  expect(await readProgress(reading(state), 'export', now)).toEqual({ day: '2026-08-30', lines: 7, isComplete: false });
  expect(await idsIn(state)).toEqual([['export', '2026-08-31', [1]]]);
});

it('[R144] a set of a day that has not begun, of no day, or that cannot be read, is ignored', async () => {
  const state = new MemorySink<ProducerState>();
  await saveExported(state, clock, 'export', { day: '2026-08-30', movies: moviesOf(1) });
  await saveExported(state, clock, 'export', { day: '2026-09-01', movies: moviesOf(2) });
  await saveExported(state, clock, 'export', { day: 'tomorrow', movies: moviesOf(3) });
  const broken = {
    producer: 'export',
    day: '2026-08-31',
    lines: 0,
    isComplete: true,
    updatedAt: new Date(now),
  } as const;
  await state.publish([{ key: 'export.movie-ids', value: { ...broken, movieIds: Buffer.from('nonsense') } }]);
  expect(await idsIn(state)).toEqual([['export', '2026-08-30', [1]]]);
});
