import { describe, expect, it } from 'vitest';
import { diskOf, estimate, estimateText, type Known } from '../../../pipeline/estimate.ts';
import { loadConfig } from '../../../platform/config.ts';

const limit = { capacity: 40, windowMs: 10_000 };
const disk = { ofMovie: 10_000, ofWarehouse: 0 };
const known: Known = { pages: 12, fresh: 0, waiting: 0, limit, disk };

describe('the estimate of a run', () => {
  it('of a first run has a request for each page, the genre list and each movie', () => {
    expect(estimate(known)).toEqual({
      ...{ pages: 12, movies: 240, requests: 253, bytes: 2_400_000 },
      minutes: (253 / 40 / 60) * 10,
    });
  });

  it('leaves out fresh movies, and includes ids that wait from earlier runs', () => {
    expect(estimate({ ...known, fresh: 240 })).toMatchObject({ movies: 0, requests: 13, bytes: 0 });
    expect(estimate({ ...known, fresh: 200, waiting: 7 })).toMatchObject({ movies: 47, requests: 60 });
    expect(estimate({ ...known, fresh: 10_000 })).toMatchObject({ movies: 0, requests: 13 });
  });

  it('of the disk agrees with what was measured on a machine with a local broker and DuckDB', () => {
    const config = loadConfig({});
    for (const [pages, measured] of [
      [12, 14_900_000],
      [100, 22_400_000],
      [500, 54_900_000],
    ] as const) {
      const { bytes } = estimate({ ...known, pages, disk: diskOf(config, true) });
      expect(Math.abs(bytes / measured - 1), `${pages} pages: ${bytes}`).toBeLessThan(0.05);
    }
    expect(diskOf(config, false).ofWarehouse).toBe(0);
    expect(diskOf(loadConfig({ TMDB_TOKEN: 'any' }), true).ofMovie).toBeGreaterThan(10_000);
    const withCredits = loadConfig({ TMDB_APPEND: 'release_dates,credits,keywords' });
    expect(diskOf(withCredits, true).ofMovie).toBeGreaterThan(9 * diskOf(config, true).ofMovie);
    expect(diskOf(loadConfig({ KAFKA_BROKERS: 'a:1' }), true).ofMovie).toBeLessThan(diskOf(config, true).ofMovie);
  });

  it('is one line, without the disk if nothing is stored on this machine', () => {
    expect(estimateText(estimate(known), limit)).toBe(
      'about 253 requests (12 pages of the popular list, 240 movies to fetch): 1 min 3 s at 40 in 10 s, 2.4 MB on this disk',
    );
    const elsewhere = estimate({ ...known, pages: 1, disk: { ofMovie: 0, ofWarehouse: 0 } });
    expect(estimateText(elsewhere, limit)).toBe(
      'about 22 requests (1 page of the popular list, 20 movies to fetch): 5.5 s at 40 in 10 s',
    );
  });
});
