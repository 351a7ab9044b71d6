import { describe, expect, it } from 'vitest';
import { textOf } from '../../../commands/actions/coverage.ts';
import { type CoverageInput, reportCoverage } from '../../../pipeline/coverage-report.ts';
import { MovieSet } from '../../../schemas/movie-set.ts';

const day = 86_400;
const now = Date.UTC(2026, 7, 31, 12);

const moviesOf = (ids: Iterable<number>): MovieSet => {
  const set = new MovieSet();
  for (const id of ids) set.add(id);
  return set;
};
const answer = (movieId: number, ageSeconds = 10, isGone = false) => ({ movieId, ageSeconds, isGone });

const report = (input: Partial<CoverageInput> = {}) =>
  reportCoverage({
    ...{ now, exported: null, answers: [], parked: new Map(), mostMissing: null, reaskAfterMs: 150 * day * 1_000 },
    retentionMs: 180 * day * 1_000,
    ...input,
  });
const today = (...ids: number[]) => ({ day: '2026-08-31', movies: moviesOf(ids) });

describe('the coverage', () => {
  it('[P24] counts each known movie once, as fetched, gone or never fetched', async () => {
    const coverage = await report({
      exported: today(1, 2, 3, 4, 5, 6),
      answers: [answer(1), answer(3, 10, true), answer(7), answer(9, 10, true)],
      parked: new Map([
        [1, 'wrong_movie'],
        [4, 'undecodable_record'],
        [8, 'wrong_movie'],
      ]),
      mostMissing: 10,
    });
    expect(coverage).toMatchObject({ known: 9, fetched: 2, gone: 2, neverFetched: 5, parked: 2 });
    expect(coverage.export).toEqual({
      ...{ exportedAt: new Date('2026-08-31'), movies: 6, answered: 2, missing: 4, share: 2 / 6, beyond: 2 },
    });
    expect(coverage.missing).toEqual([
      { movieId: 2, reason: 'not_fetched' },
      { movieId: 4, reason: 'undecodable_record' },
      { movieId: 5, reason: 'not_fetched' },
      { movieId: 6, reason: 'not_fetched' },
      { movieId: 8, reason: 'wrong_movie' },
    ]);
  });

  it('[P24] counts a movie whose newest answer has expired as expired, neither as fetched nor as gone', async () => {
    const coverage = await report({
      exported: today(1, 2, 3, 4),
      answers: [answer(1), answer(2, 181 * day), answer(3, 181 * day, true), answer(7, 181 * day)],
      parked: new Map([[2, 'wrong_movie']]),
      mostMissing: 10,
    });
    expect(coverage).toMatchObject({ known: 5, fetched: 1, gone: 0, expired: 3, neverFetched: 1, parked: 0 });
    expect(coverage.export).toMatchObject({ movies: 4, answered: 1, missing: 3, share: 1 / 4, beyond: 0 });
    expect(coverage.answerAge).toMatchObject({ maxSeconds: 10 });
    expect(coverage.missing).toEqual([
      { movieId: 2, reason: 'wrong_movie' },
      { movieId: 3, reason: 'expired' },
      { movieId: 4, reason: 'not_fetched' },
      { movieId: 7, reason: 'expired' },
    ]);
    expect(coverage.advice).toEqual([
      expect.stringContaining('1 movies are not fetched'),
      'the newest answer of 3 movies is older than TMDB_RETENTION: run "produce export", "fetch" and "load"',
      '1 movies are parked: run "dead-letters list" for the reasons',
    ]);
    const onlyExpired = await report({ exported: today(2), answers: [answer(2, 181 * day)] });
    expect(onlyExpired).toMatchObject({ fetched: 0, expired: 1, answerAge: null });
    expect(onlyExpired.advice).toEqual([expect.stringContaining('of 1 movies is older than TMDB_RETENTION')]);
  });

  it('lists no more missing movies than asked for, and says how many it omits', async () => {
    const coverage = await report({ exported: today(1, 2, 3, 4), answers: [answer(4)], mostMissing: 2 });
    expect(coverage.missing?.map(({ movieId }) => movieId)).toEqual([1, 2]);
    expect(textOf(coverage)).toContain('and 1 more');
    const unlisted = await report({ exported: today(1, 2, 3, 4) });
    expect(unlisted.missing).toBe(null);
    expect(textOf(unlisted)).not.toContain('more');
  });

  it('has the ages of the newest answers by nearest rank', async () => {
    const answers = Array.from({ length: 2_000 }, (_, index) => answer(index + 1, (index * 7 + 3) % 2_000));
    expect((await report({ answers })).answerAge).toEqual({
      ...{ p50Seconds: 999, p90Seconds: 1_799, p99Seconds: 1_979, maxSeconds: 1_999 },
    });
    expect((await report({ answers: [answer(1, 7)] })).answerAge).toMatchObject({ p50Seconds: 7, maxSeconds: 7 });
    expect((await report()).answerAge).toBe(null);
  });

  it('[P24] says what to run if there is no export, an old one, nothing in BRONZE, or something is missing', async () => {
    const adviceOf = async (input: Partial<CoverageInput>) => (await report(input)).advice;
    expect(await adviceOf({})).toEqual([
      expect.stringContaining('run "produce export"'),
      'BRONZE has no answers: run "run --once"',
    ]);
    expect(await adviceOf({ exported: today(1), answers: [answer(1)] })).toEqual([]);
    expect(await adviceOf({ exported: { ...today(1), day: '2026-08-29' }, answers: [answer(1)] })).toEqual([]);
    expect(await adviceOf({ exported: { ...today(1), day: '2026-08-28' }, answers: [answer(1)] })).toEqual([
      'the newest export is 3 days old (2026-08-28): run "produce export"',
    ]);
    expect(
      await adviceOf({ exported: today(1, 2, 3), answers: [answer(1)], parked: new Map([[3, 'wrong_movie']]) }),
    ).toEqual([
      expect.stringContaining('1 movies are not fetched: run "fetch" and "load"'),
      expect.stringContaining('1 movies are parked: run "dead-letters list"'),
    ]);
    expect(await adviceOf({ exported: today(1), answers: [answer(1, 151 * day)] })).toEqual([
      expect.stringContaining('the newest answer of some movies is older than TMDB_REASK_AFTER'),
    ]);
  });

  it('is 100 % only if no movie is missing', async () => {
    const movies = moviesOf(Array.from({ length: 100_000 }, (_, index) => index + 1));
    const answers = Array.from({ length: 99_999 }, (_, index) => answer(index + 1));
    expect(textOf(await report({ exported: { day: '2026-08-31', movies }, answers }))).toContain('99.99 %');
    const all = textOf(
      await report({ exported: { day: '2026-08-31', movies }, answers: [...answers, answer(100_000)] }),
    );
    expect(all).toContain('100.00 %');
    expect(all).toContain('complete: nothing to do');
    expect(textOf(await report({ exported: today() }))).toContain('-');
  });
});
