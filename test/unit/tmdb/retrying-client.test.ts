import { beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../runtime/logger.ts';
import { CredentialsRefusedError, TmdbUnreachableError, UnusableAnswerError } from '../../../tmdb/errors.ts';
import { createTmdbClient } from '../../../tmdb/retrying-client.ts';
import type { TmdbClient } from '../../../tmdb/tmdb-client.ts';
import { MemoryTokenBucket } from '../../../tmdb/token-bucket/memory.ts';
import type { Transport } from '../../../tmdb/transport.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import {
  failure,
  genres,
  json,
  movie,
  networkFailure,
  ScriptedTransport,
} from '../../support/tmdb/scripted-transport.ts';

describe('TmdbClient', () => {
  let clock: ManualClock;
  const signal = new AbortController().signal;

  beforeEach(() => {
    clock = new ManualClock();
  });

  const clientOf = (transport: Transport, capacity = 40): TmdbClient =>
    createTmdbClient(
      {
        transport,
        bucket: new MemoryTokenBucket({ capacity, windowMs: 10_000 }, clock),
        baseUrl: 'https://api.themoviedb.org/3',
        concurrency: 20,
        giveUpAfterMs: 600_000,
        windowMs: 10_000,
        log: createLogger('silent', []),
      },
      { clock, random: () => 0.5 },
    );

  /** Advances the clock until the promise is settled. */
  const eventually = async <T>(promise: Promise<T>): Promise<T> => {
    let isSettled = false;
    promise.then(
      () => (isSettled = true),
      () => (isSettled = true),
    );
    for (let step = 0; !isSettled && step < 10_000; step += 1) await clock.advance(500);
    return promise;
  };

  it('keeps the exact bytes of the answer and a URL without a key', async () => {
    const body = Buffer.from('{ "id": 550,\n "title":"Fight Club" }');
    const { body: kept, url } = await clientOf(new ScriptedTransport(() => json(null, 200, { body }))).movie(
      550,
      signal,
    );
    expect(kept.equals(body)).toBe(true);
    expect(url).toBe('https://api.themoviedb.org/3/movie/550');
  });

  it('treats 404 with code 34 as a fact: the movie is gone', async () => {
    const transport = new ScriptedTransport(() => json({ status_code: 34, success: false }, 404));
    expect(await clientOf(transport).movie(1, signal)).toMatchObject({ httpStatus: 404, parsed: null });
    expect(transport.asked).toHaveLength(1);
  });

  it('retries after 5xx, truncated JSON, an error page and a broken connection', async () => {
    const answers = [
      failure(503),
      json(null, 200, { body: Buffer.from('{"id":5') }),
      json(null, 200, { contentType: 'text/html', body: Buffer.from('<html>') }),
      networkFailure(),
    ];
    const transport = new ScriptedTransport((path, nth) =>
      path === '/movie/5' ? (answers[nth - 1] ?? movie(5)) : genres,
    );
    expect(await eventually(clientOf(transport).movie(5, signal))).toMatchObject({ httpStatus: 200 });
    expect(transport.asked.filter((path) => path === '/movie/5')).toHaveLength(5);
  });

  it('gives up on one movie if TMDb answers others', async () => {
    const transport = new ScriptedTransport((path) => (path === '/movie/5' ? failure(500) : json({}, 404)));
    const error = await eventually(clientOf(transport).movie(5, signal)).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UnusableAnswerError);
    expect(error).toMatchObject({ reason: 'attempts_exhausted', attempts: 5, retriable: false });
    expect(transport.asked.filter((path) => path === '/movie/5')).toHaveLength(5);
  });

  it('parks nothing while TMDb as a whole is down, and continues when it is back', async () => {
    let isDown = false;
    const transport = new ScriptedTransport((path) =>
      isDown ? failure(503) : path.startsWith('/movie') ? movie(5) : genres,
    );
    const client = clientOf(transport);
    await client.genres('en', signal);
    isDown = true;
    const waiting = client.movie(5, signal);
    for (let second = 0; second < 300; second += 1) await clock.advance(1_000);
    isDown = false;
    expect(await eventually(waiting)).toMatchObject({ httpStatus: 200 });
  });

  it('[R33] parks no movie for failures in an outage that ends before they are judged', async () => {
    let asked = 0;
    let isDown = false;
    const transport = new ScriptedTransport((path) => {
      if (path === '/movie/5') asked += 1;
      // Other requests succeed again right after the fifth failure. A client that checks only then would blame the movie.
      const hasEnded = clock.monotonic() > 60_000 || (asked >= 5 && path !== '/movie/5');
      if (isDown && !hasEnded) return failure(503);
      return path === '/movie/5' ? movie(5) : genres;
    });
    const client = clientOf(transport);
    await client.genres('en', signal);
    isDown = true;
    expect(await eventually(client.movie(5, signal))).toMatchObject({ httpStatus: 200 });
  });

  it('[R45] fails the stage, not the movie, when TMDb stays down', async () => {
    let isDown = false;
    const transport = new ScriptedTransport(() => (isDown ? networkFailure() : genres));
    const client = clientOf(transport);
    await client.genres('en', signal);
    isDown = true;
    await expect(eventually(client.movie(5, signal))).rejects.toBeInstanceOf(TmdbUnreachableError);
  });

  it('soon reports that TMDb cannot be reached if it has never answered', async () => {
    const transport = new ScriptedTransport(() => networkFailure());
    await expect(eventually(clientOf(transport).popular(1, signal))).rejects.toBeInstanceOf(TmdbUnreachableError);
    expect(clock.monotonic()).toBeLessThan(30_000);
  });

  it.each([401, 403])('sends nothing more after %i, although many requests wait', async (status) => {
    const transport = new ScriptedTransport(() => json({ status_code: 7 }, status));
    const client = clientOf(transport);
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, id) => client.movie(id + 1, signal)));
    expect(results.every((r) => r.status === 'rejected' && r.reason instanceof CredentialsRefusedError)).toBe(true);
    expect(transport.asked.length).toBeLessThanOrEqual(3);
  });

  it('pauses all requests after 429 for the time in Retry-After, at most for a minute', async () => {
    const transport = new ScriptedTransport((_, nth) =>
      nth === 1 ? json({}, 429, { retryAfter: '999999999' }) : movie(5),
    );
    const waiting = clientOf(transport).movie(5, signal);
    await clock.advance(59_000);
    expect(transport.asked).toHaveLength(1);
    await eventually(waiting);
    expect(transport.asked).toHaveLength(2);
  });

  it('never parks a movie because of 429', async () => {
    const transport = new ScriptedTransport((_, nth) => (nth <= 12 ? json({}, 429, { retryAfter: '1' }) : movie(5)));
    expect(await eventually(clientOf(transport).movie(5, signal))).toMatchObject({ httpStatus: 200 });
  });

  it('does not wait forever for a server that always answers 429', async () => {
    const transport = new ScriptedTransport(() => json({}, 429, { retryAfter: '30' }));
    await expect(eventually(clientOf(transport).movie(5, signal))).rejects.toBeInstanceOf(TmdbUnreachableError);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(600_000);
  });

  it.each([
    ['another movie', movie(6), 'wrong_movie'],
    ['JSON that is not an object', json([]), 'unexpected_shape'],
    ['a missing id', json({ title: 'x' }), 'unexpected_shape'],
    ['400', json({ status_code: 22 }, 400), 'unexpected_status'],
  ])('does not retry after %s', async (_, answer, reason) => {
    const transport = new ScriptedTransport(() => answer);
    await expect(clientOf(transport).movie(5, signal)).rejects.toMatchObject({ reason, retriable: false });
    expect(transport.asked).toHaveLength(1);
  });

  it.each([204, 205, 301, 302, 307, 400, 405, 407, 418, 421, 451])(
    'retries %i without a code of TMDb, and blames the movie if others are answered',
    async (status) => {
      const transport = new ScriptedTransport((path) =>
        path === '/movie/5' ? json(null, status, { contentType: '', body: Buffer.alloc(0) }) : movie(550),
      );
      await expect(eventually(clientOf(transport).movie(5, signal))).rejects.toMatchObject({
        ...{ reason: 'unexpected_status', retriable: false, attempts: 5 },
      });
    },
  );

  it('takes a token for every request, retries included', async () => {
    const transport = new ScriptedTransport((_, nth) => (nth <= 3 ? failure(500) : movie(5)));
    const waiting = clientOf(transport, 2).movie(5, signal);
    await clock.advance(9_900);
    expect(transport.asked).toHaveLength(2);
    await eventually(waiting);
    expect(transport.asked).toHaveLength(4);
  });

  it('counts a request from its answer on', async () => {
    const transport = new ScriptedTransport(async (path) => {
      await clock.sleep(5_000);
      return movie(Number(path.split('/').at(-1)));
    });
    const client = clientOf(transport, 1);
    const both = Promise.all([client.movie(1, signal), client.movie(2, signal)]);
    await clock.advance(14_999);
    expect(transport.asked).toEqual(['/movie/1']);
    await clock.advance(1);
    expect(transport.asked).toEqual(['/movie/1', '/movie/2']);
    await eventually(both);
  });

  it('has at most 20 requests in flight', async () => {
    const transport = new ScriptedTransport(async (path) => {
      await clock.sleep(100);
      return movie(Number(path.split('/').at(-1)));
    });
    const client = clientOf(transport, 100);
    await eventually(Promise.all(Array.from({ length: 90 }, (_, id) => client.movie(id + 1, signal))));
    expect(transport.mostInFlight).toBe(20);
  });

  it('waits for the answer to a request in flight after it is told to stop', async () => {
    const controller = new AbortController();
    const transport = new ScriptedTransport(async () => {
      controller.abort(new Error('stopped'));
      await clock.sleep(100);
      return movie(5);
    });
    expect(await eventually(clientOf(transport).movie(5, controller.signal))).toMatchObject({ httpStatus: 200 });
  });

  it('sends nothing more once it is told to stop', async () => {
    const controller = new AbortController();
    const transport = new ScriptedTransport((path) => movie(Number(path.split('/').at(-1))));
    const client = clientOf(transport, 1);
    await client.movie(1, controller.signal);
    const waiting = expect(client.movie(2, controller.signal)).rejects.toThrow('stopped');
    controller.abort(new Error('stopped'));
    await waiting;
    await clock.advance(60_000);
    expect(transport.asked).toEqual(['/movie/1']);
  });

  it('stops waiting when it is told to', async () => {
    const controller = new AbortController();
    const waiting = clientOf(new ScriptedTransport(() => failure(503))).movie(5, controller.signal);
    await clock.advance(10);
    controller.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
  });
});
