import type { ServerResponse } from 'node:http';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import type { Fault } from '../../sandbox/fault.ts';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { CredentialsRefusedError } from '../../tmdb/errors.ts';
import { ManualClock } from '../support/clock/manual-clock.ts';
import { FetcherStage } from '../support/tmdb/fetcher-stage.ts';
import { serve } from '../support/tmdb/http-server.ts';
import { BucketFleet } from '../support/token-bucket/bucket-fleet.ts';
import { RedisServer } from '../support/token-bucket/redis.ts';
import { casesOf } from '../tiers.ts';

/** Possible answers of TMDb to the fetcher, over real HTTP, with a clock that the test controls. */

const movies = 400;
const catalogue = new GeneratedCatalogue({ seed: 1, movies });
const listed = Array.from({ length: movies }, (_, rank) => catalogue.idAtRank(rank));
const alive = listed.filter((id) => !catalogue.isDeleted(id));
const sorted = (ids: readonly number[]) => ids.toSorted((a, b) => a - b);

let clock: ManualClock;
let opened: AsyncDisposable[];

beforeEach(() => {
  clock = new ManualClock();
  opened = [];
});
afterEach(async () => {
  for (const resource of opened.reverse()) await resource[Symbol.asyncDispose]();
});

/** A strict sandbox on the test's clock, and a stage that uses it. */
async function openBoth(): Promise<{ sandbox: Sandbox; stage: FetcherStage }> {
  const sandbox = await startSandbox({ movies, clock });
  const stage = new FetcherStage({ baseUrl: sandbox.url, clock });
  opened.push(sandbox, stage);
  return { sandbox, stage };
}

function expectLimitKept(sandbox: Sandbox): void {
  const { byStatus, maxInAnyWindow } = sandbox.stats();
  expect(byStatus['429']).toBeUndefined();
  expect(maxInAnyWindow).toBeLessThanOrEqual(40);
}

describe('"too many requests"', () => {
  const inSevenSeconds = new Date(new ManualClock().now() + 10_000 + 7_000).toUTCString();

  it.each([
    ['in seconds', '7', 7_000],
    ['as an HTTP date', inSevenSeconds, 7_000],
    ['as a past date', 'Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['absent', 'none', 10_000],
    ['as a word', 'soon', 10_000],
    ['as a negative number', '-5', 10_000],
    ['as a fraction', '1.5', 10_000],
    ['of thirty years', '1000000000', 60_000],
  ])('[R32] with a Retry-After %s pauses the whole fleet', async (_, retryAfter, pauseMs) => {
    await using redis = await RedisServer.start();
    await using fleet = new BucketFleet(redis);
    const arrivals: number[] = [];
    const fault: Fault = { kind: 'status', status: 429, retryAfter, path: '/movie/', times: 1 };
    await using sandbox = await startSandbox({
      ...{ movies, clock: fleet.clock, faults: [fault] },
      onRequest: ({ arrivedAtMs }) => arrivals.push(arrivedAtMs),
    });
    const members = await fleet.assemble(['a', 'b'], { capacity: 40, windowMs: 10_000 });
    const [a, b] = members.map(({ bucket }) => {
      const stage = new FetcherStage({ baseUrl: sandbox.url, clock: fleet.clock, bucket });
      opened.push(stage);
      return stage;
    });
    const both = [a?.run(alive.slice(0, 1))];
    await fleet.clock.advance(10);
    const refusedAt = arrivals[0] ?? 0;
    both.push(b?.run(alive.slice(1, 2)));
    await a?.finish(Promise.all(both));
    // A retry adds jitter of at most half a second.
    const quietMs = Math.min(...arrivals.slice(1)) - refusedAt;
    expect(quietMs).toBeGreaterThanOrEqual(pauseMs);
    expect(quietMs).toBeLessThanOrEqual(pauseMs + 1_000);
    expect([a?.fetched, b?.fetched]).toEqual([alive.slice(0, 1), alive.slice(1, 2)]);
  });
});

describe('an outage', () => {
  const outages = [500, 502, 503, 504].flatMap((status) => [1, 5, 60].map((seconds) => ({ status, seconds })));

  it.each(casesOf(outages, [2, 4, 6, 11]))(
    '[P4 R33] of $seconds s with $status parks nothing and loses nothing',
    async ({ status, seconds }) => {
      const { sandbox, stage } = await openBoth();
      await stage.finish(stage.run(alive.slice(0, 1)));
      sandbox.setFaults([{ kind: 'status', status }]);
      const work = stage.run(alive.slice(1, 61));
      await clock.advance(seconds * 1_000);
      const { byStatus } = sandbox.stats();
      sandbox.setFaults([]);
      await stage.finish(work);
      expect(byStatus[status]).toBeGreaterThanOrEqual(20);
      expect(stage.fetched).toEqual(sorted(alive.slice(0, 61)));
      expect(stage.parked).toEqual([]);
      expectLimitKept(sandbox);
    },
  );

  it('[R33] of one request in twenty, of every kind, parks nothing and loses nothing', async () => {
    const { sandbox, stage } = await openBoth();
    sandbox.setFaults(
      ([500, 502, 503, 504] as const)
        .map((status): Fault => ({ kind: 'status', status, rate: 0.01 }))
        .concat({ kind: 'drop', rate: 0.01 }),
    );
    await stage.finish(stage.run(alive));
    expect(sandbox.stats().faulty).toBeGreaterThan(5);
    expect(stage.fetched).toEqual(sorted(alive));
    expect(stage.parked).toEqual([]);
    expectLimitKept(sandbox);
  });
});

describe('a torn answer', () => {
  const whole = Buffer.from(JSON.stringify({ id: 5, title: 'ëin Titel', overview: 'x'.repeat(2_000) }));
  const half = whole.subarray(0, 1_000);
  const json = { 'content-type': 'application/json' };
  const gzip = { ...json, 'content-encoding': 'gzip' };
  const packed = gzipSync(whole);
  const withWrongSum = Buffer.from(packed);
  withWrongSum[packed.length - 8] = (packed.at(-8) ?? 0) ^ 1;
  const ways: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ['truncated JSON', (response) => response.writeHead(200, json).end(half)],
    [
      'a body shorter than its length',
      (response) => response.writeHead(200, { ...json, 'content-length': 3_000 }).end(whole),
    ],
    [
      'a body longer than its length',
      (response) => response.writeHead(200, { ...json, 'content-length': 1_000 }).end(whole),
    ],
    [
      'a connection that is reset',
      (response) => response.writeHead(200, json).write(half, () => response.socket?.resetAndDestroy()),
    ],
    [
      'a connection that ends before the last chunk',
      (response) => response.writeHead(200, json).write(whole, () => response.socket?.end()),
    ],
    ['half of a gzip stream', (response) => response.writeHead(200, gzip).end(gzipSync(whole).subarray(0, 40))],
    ['invalid gzip', (response) => response.writeHead(200, gzip).end(whole)],
    [
      'half of a gzip stream that is not declared',
      (response) => response.writeHead(200, json).end(packed.subarray(0, 40)),
    ],
    ['gzip that is not declared, with a wrong checksum', (response) => response.writeHead(200, json).end(withWrongSum)],
    [
      'half a character',
      (response) => response.writeHead(200, json).end(Buffer.from('{"id":5,"title":"\xeb"}', 'latin1')),
    ],
  ];

  it.each(ways)('[P5 R36] (%s) is requested again and never stored', async (_, tear) => {
    let left = 2;
    await using server = await serve((_request, response) => {
      if (left > 0) tear(response);
      else response.writeHead(200, json).end(whole);
      left -= 1;
    });
    const baseUrl = `http://127.0.0.1:${server.port}/3`;
    await using stage = new FetcherStage({ baseUrl, clock, timeoutMs: 500 });
    await stage.finish(stage.run([5]));
    expect(server.seen).toHaveLength(3);
    expect(stage.rawMovies.values.map(({ body }) => body.equals(whole))).toEqual([true]);
    expect(stage.parked).toEqual([]);
  });
});

describe('a compressed answer without a Content-Encoding', () => {
  it.each([
    ['gzip', gzipSync],
    ['gzip in gzip', (body: Buffer) => gzipSync(gzipSync(body))],
    ['zlib', deflateSync],
    ['zstd', zstdCompressSync],
  ] as const)('[R68] (%s) is read at every endpoint, and the uncompressed document is kept', async (_, pack) => {
    const documents: Readonly<Record<string, string>> = {
      '/3/movie/5': '{"id":5, "title":"x"}',
      '/3/movie/popular?page=1': '{"page":1,"results":[{"id":5}],"total_pages":1}',
      '/3/genre/movie/list?language=en': '{"genres":[{"id":18,"name":"Drama"}]}',
    };
    await using server = await serve((request, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(pack(Buffer.from(documents[request.url ?? ''] ?? ''))),
    );
    await using stage = new FetcherStage({ baseUrl: `http://127.0.0.1:${server.port}/3`, clock });
    const { signal } = new AbortController();
    const bodies = [
      (await stage.tmdb.genres('en', signal)).body,
      (await stage.tmdb.popular(1, signal)).body,
      (await stage.tmdb.movie(5, signal)).body,
    ];
    expect(bodies.map(String).sort()).toEqual(Object.values(documents).sort());
    await stage.finish(stage.run([5]));
    expect(stage.rawMovies.values.map(({ body }) => body.toString())).toEqual([documents['/3/movie/5']]);
    expect(server.seen).toHaveLength(4);
  });
});

describe('an answer that is not a movie', () => {
  it.each<[string, Fault, string, number]>([
    ['a page of HTML', { kind: 'html' }, 'unexpected_content_type', 5],
    ['an empty 200', { kind: 'empty' }, 'invalid_json', 5],
    ['204', { kind: 'status', status: 204 }, 'unexpected_status', 5],
    ['a redirect', { kind: 'redirect', location: '/elsewhere' }, 'unexpected_status', 5],
    ['a JSON array', { kind: 'body', body: '[]' }, 'unexpected_shape', 1],
    ['a JSON string', { kind: 'body', body: '"none"' }, 'unexpected_shape', 1],
    ['null', { kind: 'body', body: 'null' }, 'unexpected_shape', 1],
    ['plain text', { kind: 'body', body: '{"id":1}', contentType: 'text/plain' }, 'unexpected_content_type', 5],
    ['another movie', { kind: 'wrong-id' }, 'wrong_movie', 1],
    [
      'a 404 of a proxy',
      { kind: 'body', body: '{"message":"no_route"}', contentType: 'application/json' },
      'unexpected_shape',
      1,
    ],
  ])('[R38 R42] (%s) is parked with its reason, and the others continue', async (_, fault, reason, attempts) => {
    const { sandbox, stage } = await openBoth();
    const [odd = 0, ...others] = alive.slice(0, 30);
    // The fault applies to all paths that begin with this id: no other id may begin with it.
    expect(others.some((id) => String(id).startsWith(String(odd)))).toBe(false);
    sandbox.setFaults([{ ...fault, path: `/movie/${odd}` }]);
    await stage.finish(stage.run([odd, ...others]));
    expect(stage.deadLetters.values).toMatchObject([{ reason, attempts }]);
    expect(stage.fetched).toEqual(sorted(others));
    // Before and after the last attempt, a probe checks whether TMDb answers at all.
    expect(sandbox.stats().requests).toBe(others.length + (attempts > 1 ? attempts + 2 : 1));
  });

  it.each([404, 410])('[R41] (%i, the movie is gone) is requested once, and published', async (status) => {
    const { sandbox, stage } = await openBoth();
    sandbox.setFaults([{ kind: 'status', status, code: 34 }]);
    await stage.finish(stage.run(alive.slice(0, 20)));
    expect(stage.rawMovies.values.map(({ httpStatus }) => httpStatus)).toEqual(Array(20).fill(status));
    expect(stage.parked).toEqual([]);
    expect(sandbox.stats().requests).toBe(20);
  });
});

describe('credentials that are refused', () => {
  it.each([401, 403])('[R40] (%i) at the start cost one request, however many movies wait', async (status) => {
    const { sandbox, stage } = await openBoth();
    sandbox.setFaults([{ kind: 'status', status }]);
    await expect(stage.finish(stage.run(alive.slice(0, 200)))).rejects.toThrow(CredentialsRefusedError);
    expect(sandbox.stats().requests).toBe(1);
    expect([...stage.fetched, ...stage.parked]).toEqual([]);
  });

  it('[R40] during the work cost only the requests in flight', async () => {
    const { sandbox, stage } = await openBoth();
    const work = stage.run(alive.slice(0, 200));
    await clock.advance(1_000);
    expect(stage.fetched).toHaveLength(40);
    sandbox.setFaults([{ kind: 'status', status: 401 }]);
    await expect(stage.finish(work)).rejects.toThrow(CredentialsRefusedError);
    await clock.advance(600_000);
    expect(sandbox.stats().byStatus['401']).toBeLessThanOrEqual(20);
    expect(sandbox.stats().requests).toBeLessThanOrEqual(60);
    expect(stage.parked).toEqual([]);
  });
});
