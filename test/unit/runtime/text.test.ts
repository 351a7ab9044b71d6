import { describe, expect, it } from 'vitest';
import { TaskMeter } from '../../../runtime/progress.ts';
import { fullJitter } from '../../../runtime/retry.ts';
import { scrub } from '../../../runtime/scrub.ts';
import { Secret } from '../../../runtime/secret.ts';
import { formatTable } from '../../../runtime/table.ts';
import { formatDuration, parseBytes, parseDuration, parseRate } from '../../../runtime/units.ts';
import { retryAfterMs } from '../../../tmdb/retry-after.ts';

describe('units', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['1.5m', 90_000],
    ['24h', 86_400_000],
    ['180d', 15_552_000_000],
    ['10', null],
    ['-1s', null],
    ['s', null],
  ])('reads the duration %s as %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each([
    ['64MB', 64_000_000],
    ['1 kb', 1_000],
    ['1.5MB', null],
    ['5', null],
  ])('reads the size %s as %s', (text, size) => expect(parseBytes(text)).toBe(size));

  it.each([
    ['40/10s', { capacity: 40, windowMs: 10_000 }],
    ['2000/1s', { capacity: 2_000, windowMs: 1_000 }],
    ['0/10s', null],
    ['40/0s', null],
    ['40', null],
    ['1.5/1s', null],
    ['40/10s/1', null],
  ])('reads the rate %s as %j', (text, rate) => expect(parseRate(text)).toEqual(rate));

  it.each([
    [12, '12 ms'],
    [1_234, '1.2 s'],
    [59_900, '1 min 0 s'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
  ])('writes %i ms as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    ['7', 7_000],
    [new Date(now + 4_000).toUTCString(), 4_000],
    [new Date(now - 4_000).toUTCString(), 0],
    [undefined, 10_000],
    ['soon', 10_000],
    ['-5', 10_000],
    ['1.5', 10_000],
    ['', 10_000],
    ['1000000000', 60_000],
  ])('[R32] %s means %i ms', (header, ms) => expect(retryAfterMs(header, now, 10_000, 60_000)).toBe(ms));
});

describe('backoff with full jitter', () => {
  it('doubles its bound, up to the cap', () => {
    const bounds = [0, 1, 2, 3, 40].map((attempt) => fullJitter(attempt, { baseMs: 100, capMs: 500 }, () => 1));
    expect(bounds).toEqual([100, 200, 400, 500, 500]);
  });

  it('starts at zero', () => expect(fullJitter(3, { baseMs: 100, capMs: 500 }, () => 0)).toBe(0));
});

describe('scrub', () => {
  it('removes a secret from a JSON line, where quotes are escaped', () => {
    expect(scrub(JSON.stringify({ message: 'a"b' }), [new Secret('a"b')])).toBe('{"message":"[secret]"}');
  });

  it('removes a secret literally and URL-encoded', () => {
    const secret = new Secret('a+b/c');
    expect(scrub('a+b/c and ?api_key=a%2Bb%2Fc', [secret])).toBe('[secret] and ?api_key=[secret]');
  });
});

describe('the progress line', () => {
  it('shows done, total, rate and time left', () => {
    const meter = new TaskMeter('fetch');
    meter.update({ done: 0, total: 100, unit: 'movies' }, 0);
    meter.update({ done: 40, total: 100, unit: 'movies' }, 10_000);
    expect(meter.line(10_000)).toBe('fetch 40/100 movies, 4.0/s, 15 s left');
  });

  it('shows no time left before it knows a rate, or when everything is done', () => {
    const meter = new TaskMeter('fetch');
    meter.update({ done: 0, total: 100, unit: 'movies' }, 0);
    expect(meter.line(0)).toBe('fetch 0/100 movies');
    meter.update({ done: 100, total: 100, unit: 'movies' }, 10_000);
    expect(meter.line(10_000)).toBe('fetch 100/100 movies');
  });

  it('estimates at most the long-term rate of the limit, also after a burst', () => {
    const meter = new TaskMeter('fetch');
    meter.update({ done: 0, total: 120, unit: 'movies', maxPerSecond: 4 }, 0);
    meter.update({ done: 40, total: 120, unit: 'movies', maxPerSecond: 4 }, 1_000);
    expect(meter.line(1_000)).toBe('fetch 40/120 movies, 4.0/s, 20 s left');
  });

  it('follows a change of pace', () => {
    const meter = new TaskMeter('fetch');
    for (let second = 0; second <= 100; second += 1) {
      meter.update({ done: second < 60 ? 0 : (second - 60) * 10, total: 1_000, unit: 'movies' }, second * 1_000);
    }
    expect(meter.line(100_000)).toBe('fetch 400/1000 movies, 10.0/s, 1 min 0 s left');
  });
});

describe('a table', () => {
  it('[S10] aligns numbers to the right, shows unknown values as a dash and escapes control characters', () => {
    const table = formatTable([
      { title: 'Up\u001b[2J', revenue: 735_099_082, roi: 3.2 },
      { title: 'Heat', revenue: null, roi: 12.345 },
    ]);
    expect(table.split('\n')).toEqual([
      'title            revenue    roi',
      '-----------  -----------  -----',
      'Up\\u001b[2J  735,099,082    3.2',
      'Heat                   -  12.35',
    ]);
  });
});
