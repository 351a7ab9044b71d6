import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { awakeSeconds, type Busy, costOf } from '../../../warehouse/snowflake/cost.ts';

const dayMs = 24 * 3_600_000;

/** Work every `everyMs` for a day, each time for `ms`. */
const times = (everyMs: number, ms: number): Busy[] =>
  Array.from({ length: dayMs / everyMs }, (_, index) => ({ from: index * everyMs, to: index * everyMs + ms }));

describe('the estimate of what Snowflake costs', () => {
  it.each([
    ['nothing', [], 0],
    ['one flush: a minute until it falls asleep', [{ from: 0, to: 0 }], 60],
    [
      'two within a minute: awake in between',
      [
        { from: 0, to: 0 },
        { from: 50_000, to: 50_000 },
      ],
      110,
    ],
    [
      'two far apart',
      [
        { from: 0, to: 1_000 },
        { from: 600_000, to: 602_000 },
      ],
      61 + 62,
    ],
    [
      'two at once, the longer first',
      [
        { from: 0, to: 90_000 },
        { from: 10_000, to: 20_000 },
      ],
      150,
    ],
    [
      'in any order',
      [
        { from: 600_000, to: 600_000 },
        { from: 0, to: 0 },
      ],
      120,
    ],
  ])('is awake for %s', (_, busy, seconds) => {
    expect(awakeSeconds(busy)).toBe(seconds);
  });

  it('is awake for at least the work, and at most for the work plus a minute each time', () => {
    const busy = fc.array(
      fc.tuple(fc.nat(dayMs), fc.nat(100_000)).map(([from, ms]) => ({ from, to: from + ms })),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(busy, (all) => {
        const each = all.map(({ from, to }) => (to - from) / 1_000 + 60);
        expect(awakeSeconds(all)).toBeGreaterThanOrEqual(Math.max(...each) - 1e-6);
        expect(awakeSeconds(all)).toBeLessThanOrEqual(each.reduce((sum, seconds) => sum + seconds, 0) + 1e-6);
      }),
    );
  });

  it('uses one credit an hour for loading and two for dbt, or one for both on a shared virtual warehouse', () => {
    const hour = { from: 0, to: 3_540_000 };
    expect(costOf([hour], [hour], false)).toEqual({ secondsAwake: 7_200, credits: 3 });
    expect(costOf([hour], [hour], true)).toEqual({ secondsAwake: 3_600, credits: 1 });
  });
});

/** Movies that the default rate limit allows in a day. */
const moviesADay = 4 * 86_400;

describe('the table in docs/cost.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/cost.md'), 'utf8');

  it.each([
    ['1 s', 1_000],
    ['1 min', 60_000],
    ['2 min', 120_000],
    ['5 min', 300_000],
    ['15 min', 900_000],
    ['1 h', 3_600_000],
  ])('has the credits of a flush and a build every %s', (name, everyMs) => {
    const flushes = times(everyMs, 3_000);
    const builds = times(everyMs, 30_000);
    const apart = costOf(flushes, builds, false);
    // dbt after the flush, on the same virtual warehouse.
    const after = builds.map(({ from, to }) => ({ from: from + 3_000, to: to + 3_000 }));
    const shared = costOf(flushes, after, true);
    const loading = costOf(flushes, [], false);
    const price = ({ credits }: { credits: number }) => ((credits * 1_000) / moviesADay).toFixed(3);
    const cells = [name, ...[loading, apart, shared].flatMap((cost) => [cost.credits.toFixed(1), price(cost)])];
    expect(text).toContain(`| ${cells.join(' | ')} |`);
  });
});
