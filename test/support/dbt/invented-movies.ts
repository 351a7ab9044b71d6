import fc from 'fast-check';
import type { MovieRecord } from './warehouse-file.ts';

/** A document for tests: any field may have any value. */
export type Invented = Readonly<Record<string, unknown>> & { readonly id: number };

const day = 86_400;

/** A movie that every mart counts, except for the fields that a test changes. */
export const film = (id: number, changed: Readonly<Record<string, unknown>> = {}): Invented => ({
  id,
  title: `Film ${id}`,
  original_title: `Le film ${id}`,
  original_language: 'fr',
  status: 'Released',
  release_date: '2025-01-01',
  runtime: 100,
  budget: 10_000_000,
  revenue: 25_000_000,
  popularity: 5,
  vote_average: 6.5,
  vote_count: 400,
  imdb_id: `tt${id}`,
  genres: [{ id: 18, name: 'Drama' }],
  production_companies: [],
  ...changed,
});

/** Texts without visible characters, and values that are not text. */
const emptyTexts = [
  '',
  ' ',
  '\t\r\n',
  '\u00a0',
  '\u2003\u3000',
  '\u200b',
  '\ufeff',
  '\u200e\u202e',
  null,
  7,
  {},
  ['x'],
  true,
];

const amount = fc.oneof(
  fc.constantFrom(0, 1, 5, 12, 99_999, 100_000, 100_001, 250_000, 30_000_000, 2_923_706_026, 2 ** 40),
  fc.integer({ min: 0, max: 3_000_000_000 }),
);

/** Movies with the features of the samples: invented, a placeholder, unreleased, not a feature, without a name, old. */
const changes = fc.record({
  budget: amount,
  revenue: amount,
  vote_count: fc.oneof(fc.constantFrom(0, 1, 49, 50, 51, 299, 300), fc.integer({ min: 0, max: 40_000 })),
  vote_average: fc.integer({ min: 0, max: 10_000 }).map((thousandths) => thousandths / 1_000),
  popularity: fc.integer({ min: 0, max: 2_000_000 }).map((thousandths) => thousandths / 1_000),
  status: fc.constantFrom(
    ...['Released', 'Released', 'Released', 'Released', 'Planned', 'Canceled', 'Rumored', 'In Production'],
    ...['SupervisedService Production', '', null, 'released', 7, {}],
  ),
  release_date: fc.constantFrom(
    ...['2024-02-29', '2025-01-01', '2025-12-31', '2026-01-01', '2026-01-20', '2026-06-30', '2099-12-31', '', null, 7],
  ),
  adult: fc.constantFrom(false, false, false, false, true, null, undefined, 'yes'),
  video: fc.constantFrom(false, false, false, false, true, null, undefined, 1),
  softcore: fc.constantFrom(false, false, false, false, true, null, undefined, []),
  title: fc.oneof(
    { weight: 5, arbitrary: fc.string({ minLength: 1 }).filter((text) => /[!-~]/.test(text)) },
    fc.constantFrom(...emptyTexts),
  ),
  original_title: fc.constantFrom('صفارة إنذار', 'Original', ...emptyTexts),
  genres: fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .uniqueArray(fc.constantFrom(18, 28, 35, 99), { maxLength: 3 })
        .map((ids) => ids.map((id) => ({ id, name: `genre ${id}` }))),
    },
    fc.constantFrom({ id: 18 }, 'Drama', 7, null, [], [{ id: null }, { id: 0 }, 7, { id: 28, name: {} }]),
  ),
});

/** `count` invented movies, the same for the same seed, with the time of TMDb's answer in seconds of 2026. */
export function inventedMovies(firstId: number, count: number, seed: number): MovieRecord[] {
  const sample = fc.sample(fc.tuple(changes, fc.integer({ min: 0, max: 20 * day })), { seed, numRuns: count });
  return sample.map(([changed, fetchedAt], index) => ({
    movieId: firstId + index,
    body: film(firstId + index, changed),
    fetchedAt,
  }));
}
