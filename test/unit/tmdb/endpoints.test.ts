import { beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../runtime/logger.ts';
import { type Endpoint, endpoints, type Outage } from '../../../tmdb/endpoint.ts';
import { CredentialsRefusedError, TmdbUnreachableError, UntrustedServerError } from '../../../tmdb/errors.ts';
import { createTmdbClient } from '../../../tmdb/retrying-client.ts';
import type { TmdbClient, TmdbClientOptions } from '../../../tmdb/tmdb-client.ts';
import { MemoryTokenBucket } from '../../../tmdb/token-bucket/memory.ts';
import type { Answer } from '../../../tmdb/transport.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { failure, genres, json, movie, ScriptedTransport } from '../../support/tmdb/scripted-transport.ts';

const page = json({ page: 1, results: [{ id: 1 }], total_pages: 1 });
const html: Answer = { ...json(null), contentType: 'text/html', body: Buffer.from('<html>') };

const endpointOf = (path: string): Endpoint =>
  path.startsWith('/genre')
    ? 'genres'
    : ((/^\/movie\/(popular|changes)\?/.exec(path)?.[1] as Endpoint | undefined) ?? 'movie');

/** The answers of a healthy TMDb. */
function good(path: string): Answer {
  if (endpointOf(path) === 'genres') return genres;
  return endpointOf(path) === 'movie' ? movie(Number(path.split('/').at(-1))) : page;
}

const ask: Readonly<Record<Endpoint, (client: TmdbClient, signal: AbortSignal) => Promise<{ httpStatus: number }>>> = {
  movie: (client, signal) => client.movie(5, signal),
  popular: (client, signal) => client.popular(3, signal),
  changes: (client, signal) => client.changes('2026-01-01', 3, signal),
  genres: (client, signal) => client.genres('en', signal),
};

describe('the endpoints of TMDb', () => {
  let clock: ManualClock;
  let outages: [Endpoint, Outage['reason'] | null][];
  const signal = new AbortController().signal;

  beforeEach(() => {
    clock = new ManualClock();
    outages = [];
  });

  const clientOf = (transport: ScriptedTransport, more: Partial<TmdbClientOptions> = {}): TmdbClient =>
    createTmdbClient(
      {
        ...{ transport, bucket: new MemoryTokenBucket({ capacity: 40, windowMs: 10_000 }, clock) },
        ...{ baseUrl: 'https://api.themoviedb.org/3', concurrency: 20, giveUpAfterMs: 600_000, windowMs: 10_000 },
        log: createLogger('silent', []),
        observer: {
          answered: () => {},
          waited: () => {},
          outage: (endpoint, outage) => outages.push([endpoint, outage?.reason ?? null]),
        },
        ...more,
      },
      { clock, random: () => 0.5 },
    );

  const eventually = async <T>(promise: Promise<T>): Promise<T> => {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    for (let step = 0; !isSettled && step < 20_000; step += 1) await clock.advance(500);
    return promise;
  };

  const inAnOutage = [
    ['503', failure(503)],
    ['408', failure(408)],
    ['a page of HTML with status 200', html],
    ['503 in the body of a 200', json({ success: false, status_code: 46 })],
    ['204', json(null, 204, { contentType: '', body: Buffer.alloc(0) })],
    ['a redirect', json(null, 302, { contentType: '', body: Buffer.alloc(0) })],
    ['a redirect with a JSON body', json({ location: '/login' }, 307)],
    ['400 that is not from TMDb', json({ message: 'Bad Request' }, 400)],
    ['407 of a proxy', { ...html, status: 407 }],
  ] as const;

  it.each([0, 1, 2, 3])(
    'unusable movies that serve as probes for each other are parked, after %i probes',
    async (before) => {
      const broken = new Set(['/movie/5', '/movie/13', '/movie/6']);
      const transport = new ScriptedTransport((path) =>
        broken.has(path) ? { ...json(null), body: Buffer.from('{"id":') } : good(path),
      );
      const client = clientOf(transport, { neverGivenUp: ['movie'] });
      // Each unusable movie takes a number of probes, which shifts the next probe.
      for (let count = 0; count < before; count += 1) {
        await expect(eventually(client.movie(6, signal))).rejects.toMatchObject({ reason: 'invalid_json' });
      }
      const requests = client.counts().requests;
      await expect(eventually(client.movie(5, signal))).rejects.toMatchObject({ reason: 'invalid_json' });
      expect(client.counts().requests - requests).toBeLessThanOrEqual(15);
    },
  );

  describe.each(endpoints)('while %s alone is out', (endpoint) => {
    it.each(inAnOutage)('[R33 R39] with %s: the client waits for it, and uses the others', async (_, outage) => {
      let isDown = false;
      const transport = new ScriptedTransport((path) =>
        isDown && endpointOf(path) === endpoint ? outage : good(path),
      );
      const client = clientOf(transport);
      await client.movie(1, signal);
      isDown = true;
      const waiting = ask[endpoint](client, signal);
      await clock.advance(300_000);
      expect(outages).toEqual([[endpoint, 'unreachable']]);
      for (const other of endpoints) {
        if (other !== endpoint) expect(await eventually(ask[other](client, signal))).toMatchObject({ httpStatus: 200 });
      }
      isDown = false;
      expect(await eventually(waiting)).toMatchObject({ httpStatus: 200 });
      expect(outages).toEqual([
        [endpoint, 'unreachable'],
        [endpoint, null],
      ]);
    });

    it('for longer than the limit: the call fails and parks nothing', async () => {
      let isDown = false;
      const transport = new ScriptedTransport((path) =>
        isDown && endpointOf(path) === endpoint ? failure(503) : good(path),
      );
      const client = clientOf(transport);
      await client.movie(1, signal);
      isDown = true;
      await expect(eventually(ask[endpoint](client, signal))).rejects.toBeInstanceOf(TmdbUnreachableError);
    });
  });

  it('[R67] answer with any JSON that is not a server failure: then the movie is to blame', async () => {
    for (const answer of [json([]), json(null), json('x'), json({ genres: [{ id: 0, name: null }] }), json({}, 404)]) {
      const transport = new ScriptedTransport((path) => (path === '/movie/5' ? failure(500) : answer));
      await expect(eventually(clientOf(transport).movie(5, signal))).rejects.toMatchObject({
        reason: 'attempts_exhausted',
        retriable: false,
      });
    }
  });

  it('are probed with several documents, so that one broken document does not decide the result', async () => {
    const broken = new Set<string>();
    const transport = new ScriptedTransport((path) => (broken.has(path) ? failure(500) : good(path)));
    const client = clientOf(transport);
    for (const id of [1, 2]) await client.movie(id, signal);
    for (const path of ['/movie/2', '/movie/5']) broken.add(path);
    await expect(eventually(client.movie(5, signal))).rejects.toMatchObject({ reason: 'attempts_exhausted' });
    await expect(eventually(client.movie(2, signal))).rejects.toMatchObject({ reason: 'attempts_exhausted' });
  });

  it('that are lists are tried five times for any bad answer', async () => {
    const bad = [json([]), json({}, 400), json({ success: false, status_code: 34 }), html];
    for (const [endpoint, path] of [
      ['popular', '/movie/popular?page=3'],
      ['changes', '/movie/changes?start_date=2026-01-01&end_date=2026-01-02&page=3'],
      ['genres', '/genre/movie/list?language=en'],
    ] as const) {
      const transport = new ScriptedTransport((asked, nth) =>
        asked === path ? (bad[nth - 1] ?? good(asked)) : good(asked),
      );
      const client = clientOf(transport);
      await client.movie(1, signal);
      expect(await eventually(ask[endpoint](client, signal))).toMatchObject({ httpStatus: 200 });
    }
  });

  it('[R67] that answer lists of another shape fail alone, and TMDb does not count as out', async () => {
    const transport = new ScriptedTransport((path) => (endpointOf(path) === 'movie' ? good(path) : json({})));
    for (const endpoint of ['popular', 'changes', 'genres'] as const) {
      const client = clientOf(transport);
      await expect(eventually(ask[endpoint](client, signal))).rejects.toMatchObject({ reason: 'unexpected_shape' });
      expect(await eventually(client.movie(5, signal))).toMatchObject({ httpStatus: 200 });
    }
  });

  describe('the endpoints of a service', () => {
    const ofService = { neverGivenUp: ['movie'], refusedForMs: 60_000 } as const;
    const hourMs = 3_600_000;

    it('never give up a movie in an outage, even if TMDb has never answered', async () => {
      let isDown = true;
      const transport = new ScriptedTransport((path) => (isDown ? failure(503) : good(path)));
      const waiting = clientOf(transport, ofService).movie(5, signal);
      for (let minutes = 0; minutes < 60; minutes += 1) await clock.advance(60_000);
      isDown = false;
      expect(await eventually(waiting)).toMatchObject({ httpStatus: 200 });
    });

    it.each([
      ['401', json({ status_code: 7 }, 401), 'refused'],
      ['403', json({ status_code: 45 }, 403), 'refused'],
      ['a refusal in the body of a 200', json({ success: false, status_code: 10 }), 'refused'],
      ['a server that is not TMDb', new UntrustedServerError('not who it should be'), 'untrusted'],
    ] as const)(
      '[R40] are retried once a minute after %s, with one request, however many wait',
      async (_, refusal, reason) => {
        let isRefused = false;
        const transport = new ScriptedTransport(async (path) => {
          await clock.sleep(100);
          if (isRefused && refusal instanceof Error) throw refusal;
          return isRefused ? (refusal as Answer) : good(path);
        });
        const client = clientOf(transport, ofService);
        await eventually(client.movie(99, signal));
        isRefused = true;
        const waiting = Promise.all(Array.from({ length: 50 }, (__, id) => client.movie(id + 1, signal)));
        for (let seconds = 0; seconds < hourMs / 1_000; seconds += 10) await clock.advance(10_000);
        // First all requests under way, then one per minute.
        expect(transport.asked.length).toBeGreaterThan(1 + 20 + 50);
        expect(transport.asked.length).toBeLessThanOrEqual(1 + 20 + 60);
        await expect(client.genres('en', signal)).rejects.toMatchObject({ retriable: false });
        isRefused = false;
        expect(await eventually(waiting)).toHaveLength(50);
        expect(outages.filter(([endpoint]) => endpoint === 'movie')).toEqual([
          ['movie', reason],
          ['movie', null],
        ]);
      },
    );

    it('are blocked once by the refusal of another endpoint, and not again after they have answered', async () => {
      const refusedPaths: string[] = [];
      const transport = new ScriptedTransport((path) => {
        if (endpointOf(path) !== 'popular') return good(path);
        refusedPaths.push(path);
        return json({ status_code: 45 }, 403);
      });
      const client = clientOf(transport, ofService);
      let fetched = 0;
      for (let minutes = 0; minutes < 30; minutes += 1) {
        await expect(client.popular(1, signal)).rejects.toBeInstanceOf(CredentialsRefusedError);
        const before = clock.monotonic();
        await eventually(client.movie(minutes + 1, signal));
        fetched += 1;
        expect(clock.monotonic() - before).toBeLessThanOrEqual(minutes === 0 ? 61_000 : 1_000);
        await clock.advance(60_000);
      }
      expect([fetched, refusedPaths.length]).toEqual([30, 30]);
    });

    it('wait when TMDb refuses the probe', async () => {
      let refusals = 0;
      const transport = new ScriptedTransport((path, nth) => {
        if (path === '/movie/5') return nth <= 4 ? failure(503) : movie(5);
        refusals += 1;
        return refusals === 1 ? json({ status_code: 7 }, 401) : good(path);
      });
      expect(await eventually(clientOf(transport, ofService).movie(5, signal))).toMatchObject({ httpStatus: 200 });
      expect(refusals).toBe(2);
    });

    it('stay blocked while answers to earlier requests still arrive', async () => {
      const transport = new ScriptedTransport(async (path) => {
        const id = Number(path.split('/').at(-1));
        await clock.sleep(id === 2 ? 100 : id * 100);
        return id === 2 || id > 10 ? json({ status_code: 7 }, 401) : good(path);
      });
      const client = clientOf(transport, ofService);
      await eventually(client.movie(1, signal));
      for (let id = 2; id <= 80; id += 1) client.movie(id, signal).catch(() => {});
      // Twenty are in flight when the second is refused. None is sent after them for a minute.
      await clock.advance(55_000);
      expect(transport.asked).toHaveLength(1 + 20);
    });

    it('fail permanently outside a service', async () => {
      const transport = new ScriptedTransport(() => json({ status_code: 7 }, 401));
      const client = clientOf(transport);
      await expect(client.movie(1, signal)).rejects.toBeInstanceOf(CredentialsRefusedError);
      await clock.advance(24 * hourMs);
      await expect(client.genres('en', signal)).rejects.toBeInstanceOf(CredentialsRefusedError);
      expect(transport.asked).toHaveLength(1);
    });
  });
});
