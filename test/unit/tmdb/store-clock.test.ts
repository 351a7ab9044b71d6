import { describe, expect, it } from 'vitest';
import { StoreClock } from '../../../tmdb/token-bucket/store-clock.ts';

const anyClock = 1_767_225_600_000;

/** Exchanges at these moments, each with the time that it took each way, and by how much the store's clock is wrong then. */
const stepsOf = (exchanges: readonly (readonly [at: number, upMs: number, downMs: number, wrongMs: number])[]) => {
  const clock = new StoreClock();
  return exchanges.map(([at, upMs, downMs, wrongMs]) =>
    clock.stepOf({ sentAt: at - upMs, storeNow: anyClock + at + wrongMs, receivedAt: at + downMs }),
  );
};

describe('the clock of the store', () => {
  it('[R169] was set forward if no delay of a call explains the difference', () => {
    const steps = stepsOf([
      [1_000, 1, 1, 0],
      [2_000, 1, 1, 100],
      [3_000, 1, 1, 100],
    ]);
    expect(steps).toEqual([0, expect.closeTo(103, 0), 0]);
  });

  it('[R169] is compared with the fastest call so far, so that a slow call hides no later step', () => {
    const steps = stepsOf([
      [1_000, 1, 1, 0],
      [2_000, 900, 900, 0],
      [4_000, 1, 1, 500],
    ]);
    expect(steps[2]).toBeGreaterThan(490);
  });

  it.each([
    [
      'a call that takes long',
      [
        [1_000, 1, 1, 0],
        [9_000, 2_000, 3_000, 0],
        [20_000, 1, 1, 0],
      ],
    ],
    [
      'a clock that runs 0.05 % fast',
      [
        [1_000, 1, 1, 0.5],
        [500_000, 1, 1, 250],
        [501_000, 1, 1, 250.5],
      ],
    ],
    [
      'a clock that is set back',
      [
        [1_000, 1, 1, 0],
        [2_000, 1, 1, -5_000],
        [3_000, 1, 1, -5_000],
      ],
    ],
    ['the first call', [[1_000, 1, 1, 9_999_999]]],
  ] as [string, [number, number, number, number][]][])('[R169] was not set by %s', (_, exchanges) => {
    expect(stepsOf(exchanges).every((step) => step === 0)).toBe(true);
  });

  it('[R169] was set forward if it is corrected after it was set back', () => {
    const steps = stepsOf([
      [1_000, 1, 1, 0],
      [2_000, 1, 1, -5_000],
      [3_000, 1, 1, 0],
    ]);
    expect(steps[2]).toBeGreaterThan(4_990);
  });
});
