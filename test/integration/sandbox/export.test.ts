import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type Sandbox, type SandboxRequest, startSandbox } from '../../../sandbox/server.ts';
import { UnusableAnswerError } from '../../../tmdb/errors.ts';
import { exportPath, type MovieExports, openMovieExports } from '../../../tmdb/movie-export.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { until } from '../../support/processes/fleet.ts';
import { serve } from '../../support/tmdb/http-server.ts';

const hour = 3_600_000;
const { signal } = new AbortController();

describe('the daily export', () => {
  const opened: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const resource of opened.splice(0).reverse()) await resource[Symbol.asyncDispose]();
  });
  const keep = <T extends AsyncDisposable>(resource: T): T => {
    opened.push(resource);
    return resource;
  };
  const exportsOf = (url: string): MovieExports => keep(openMovieExports({ url, timeoutMs: 5_000 }));
  const serving = async (...[listener]: Parameters<typeof serve>) => {
    const server = keep(await serve(listener));
    return { server, exports: exportsOf(`http://127.0.0.1:${server.port}`) };
  };

  const read = async (exports: MovieExports, more: { day?: string; isAdult?: boolean } = {}) => {
    const request = { day: '2026-08-31', isAdult: false, batchLines: 2_000, ...more };
    const batches = await exports.open(request, signal);
    if (batches === null) return null;
    const movieIds: number[] = [];
    let lines = 0;
    for await (const batch of batches) {
      movieIds.push(...batch.movieIds);
      lines = batch.lines;
    }
    return { movieIds, lines };
  };

  describe('of the sandbox', () => {
    const requests: SandboxRequest[] = [];
    const start = async (movies: number, clock = new ManualClock(Date.UTC(2026, 7, 31, 12))): Promise<Sandbox> => {
      requests.length = 0;
      return keep(await startSandbox({ movies, clock, onRequest: (request) => requests.push(request) }));
    };
    const originOf = ({ url }: Sandbox): string => new URL(url).origin;

    it('has each movie once, not sorted', async () => {
      const exports = exportsOf(originOf(await start(10_000)));
      const all = await read(exports);
      expect(all?.lines).toBeGreaterThan(9_900);
      expect(new Set(all?.movieIds).size).toBe(all?.lines);
      expect(all?.movieIds).not.toEqual(all?.movieIds.toSorted((a, b) => a - b));
    });

    it('[P16] is asked for without credentials, and counts towards no limit', async () => {
      const sandbox = await start(100);
      await read(exportsOf(originOf(sandbox)));
      expect(requests).toMatchObject([
        { path: '/p/exports/movie_ids_08_31_2026.json.gz', status: 200, hasAuthorization: false, hasApiKey: false },
      ]);
      expect(sandbox.stats().requests).toBe(0);
    });

    it('is there from 08:00 UTC on, for three months', async () => {
      const clock = new ManualClock(Date.UTC(2026, 7, 31, 7, 59));
      const exports = exportsOf(originOf(await start(10, clock)));
      expect(await read(exports)).toBe(null);
      expect(await read(exports, { day: '2026-08-30' })).not.toBe(null);
      expect(await read(exports, { day: '2026-05-01' })).toBe(null);
      await clock.advance(hour);
      expect(await read(exports)).not.toBe(null);
    });

    it('has the adult movies in another file', async () => {
      expect(await read(exportsOf(originOf(await start(10))), { isAdult: true })).toEqual({ movieIds: [], lines: 0 });
      expect(exportPath({ day: '2026-08-31', isAdult: true })).toBe('/p/exports/adult_movie_ids_08_31_2026.json.gz');
    });

    it('lacks movies that were deleted or merged, until they come back', async () => {
      const sandbox = await start(100);
      const exports = exportsOf(originOf(sandbox));
      const all = (await read(exports))?.movieIds ?? [];
      const [deleted = 0, merged = 0, unlisted = 0] = all;
      sandbox.setMovies(
        new Map([
          [deleted, 'deleted'],
          [merged, 'merged'],
          [unlisted, 'unlisted'],
        ]),
      );
      expect((await read(exports))?.movieIds).toEqual(all.slice(2));
      sandbox.setMovies(new Map([[deleted, 'listed']]));
      expect((await read(exports))?.movieIds).toEqual([deleted, ...all.slice(2)]);
    });
  });

  it('[R130] that is torn, or no gzip, fails and can be read again', async () => {
    const packed = gzipSync(Array.from({ length: 5_000 }, (_, id) => `{"id":${id + 1}}\n`).join(''));
    let body = packed.subarray(0, packed.length / 2);
    const { exports } = await serving((_, response) => response.end(body));
    await expect(read(exports)).rejects.toMatchObject({ code: 'tmdb_answer_unusable', retriable: true });
    body = Buffer.from('<html>');
    await expect(read(exports)).rejects.toBeInstanceOf(UnusableAnswerError);
    body = packed;
    expect(await read(exports)).toMatchObject({ lines: 5_000 });
  });

  it('[R130] whose connection breaks in the middle fails and can be read again', async () => {
    const { exports } = await serving((_, response) => {
      response.writeHead(200, { 'content-length': '1000000' });
      response.write(gzipSync('{"id":1}\n'), () => response.destroy());
    });
    await expect(read(exports)).rejects.toMatchObject({ code: 'tmdb_answer_unusable', retriable: true });
  });

  it('[P16] follows no redirect', async () => {
    const { server, exports } = await serving((_, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end();
    });
    await expect(read(exports)).rejects.toMatchObject({ reason: 'unexpected_status' });
    expect(server.seen).toEqual(['GET /p/exports/movie_ids_08_31_2026.json.gz']);
  });

  it('ends with the reason of the signal, even while a server is silent', async () => {
    const { server, exports } = await serving(() => {});
    const stop = new AbortController();
    const opening = exports.open({ day: '2026-08-31', isAdult: false, batchLines: 1 }, stop.signal);
    await until('the server is asked', () => server.seen.length > 0, { timeoutMs: 5_000, pollMs: 5 });
    stop.abort(new Error('stopped'));
    await expect(opening).rejects.toThrow('stopped');
  });
});
