import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BusiestWindow, SlidingWindow } from '../../../sandbox/sliding-window.ts';

const limit = { capacity: 3, windowMs: 100 };

/** Arrivals in time, often at the same moment. */
const arrivals = fc
  .array(fc.integer({ min: 0, max: 60 }), { maxLength: 300 })
  .map((gaps) => gaps.map((_, index) => gaps.slice(0, index + 1).reduce((sum, gap) => sum + gap, 0)));

describe('the sliding window', () => {
  it('accepts the capacity at once and refuses the next request', () => {
    const window = new SlidingWindow(limit);
    expect([0, 0, 0, 0].map((at) => window.arrive(at) > 0)).toEqual([false, false, false, true]);
  });

  it('accepts a request exactly one window after the request that it replaces', () => {
    const window = new SlidingWindow(limit);
    for (const at of [0, 10, 20]) window.arrive(at);
    expect(window.arrive(100)).toBe(0);
    expect(window.arrive(109.9)).toBeGreaterThan(0);
  });

  it('counts refused requests like any other', () => {
    const window = new SlidingWindow(limit);
    for (const at of [0, 0, 0, 50, 60, 70]) window.arrive(at);
    expect(window.arrive(100)).toBeGreaterThan(0);
  });

  it('returns the time until the next accepted request', () => {
    const window = new SlidingWindow(limit);
    for (const at of [0, 10, 20]) window.arrive(at);
    const waitMs = window.arrive(30);
    expect(waitMs).toBe(80);
    expect(window.arrive(30 + waitMs)).toBe(0);
  });

  it('refuses exactly the requests that a plain count over all arrivals refuses', () => {
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 8 }), (times, capacity) => {
        const window = new SlidingWindow({ capacity, windowMs: 100 });
        for (const [index, at] of times.entries()) {
          const before = times.slice(0, index).filter((other) => other > at - 100).length;
          expect(window.arrive(at) > 0).toBe(before >= capacity);
        }
      }),
    );
  });

  it('is refused without a limit', () => {
    expect(() => new SlidingWindow({ capacity: 0, windowMs: 100 })).toThrow('got 0 in 100 ms');
  });
});

describe('the busiest window', () => {
  it('is the largest count of arrivals in any window', () => {
    fc.assert(
      fc.property(arrivals, (times) => {
        const busiest = new BusiestWindow(100);
        for (const at of times) busiest.arrive(at);
        const counts = times.map((end, index) => times.slice(0, index + 1).filter((at) => at > end - 100).length);
        expect(busiest.most).toBe(Math.max(0, ...counts));
      }),
    );
  });

  it('stops counting at a bound, so that a flood cannot exhaust the memory', () => {
    const busiest = new BusiestWindow(100);
    for (let arrival = 0; arrival < (1 << 20) + 1_000; arrival += 1) busiest.arrive(0);
    expect(busiest.most).toBe(1 << 20);
  });
});
