import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../sandbox/answers.ts';
import { type Sandbox, type SandboxOptions, type SandboxRequest, startSandbox } from '../../../sandbox/server.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';

const authorization = 'Bearer any-token';

describe('the sandbox', () => {
  const opened: Sandbox[] = [];
  let requests: SandboxRequest[];

  beforeEach(() => {
    requests = [];
  });
  afterEach(async () => {
    for (const sandbox of opened.splice(0)) await sandbox[Symbol.asyncDispose]();
  });

  const start = async (options: SandboxOptions = {}): Promise<Sandbox> => {
    const sandbox = await startSandbox({ limit: null, onRequest: (request) => requests.push(request), ...options });
    opened.push(sandbox);
    return sandbox;
  };
  const get = (sandbox: Sandbox, path: string, headers: Record<string, string> = { authorization }) =>
    fetch(sandbox.url + path, { headers, redirect: 'manual' });
  // biome-ignore lint/suspicious/noExplicitAny: any answer of TMDb
  const json = async (sandbox: Sandbox, path: string): Promise<any> => (await get(sandbox, path)).json();

  describe('answers as TMDb does', () => {
    it('lists popular movies, 20 a page, and serves their details', async () => {
      const sandbox = await start({ movies: 1_000, seed: 3 });
      const page = await json(sandbox, '/movie/popular?page=2');
      expect(page).toMatchObject({ page: 2, total_pages: 50, total_results: 1_000 });
      expect(page.results).toHaveLength(20);
      const details = await json(sandbox, `/movie/${page.results[0].id}`);
      expect(details.title).toBe(page.results[0].title);
      expect(details.genres.map((genre: { id: number }) => genre.id)).toEqual(page.results[0].genre_ids);
    });

    it('lists every movie once over all pages, the last of them not full', async () => {
      const sandbox = await start({ movies: 45 });
      const pages = await Promise.all([1, 2, 3, 4].map((page) => json(sandbox, `/movie/popular?page=${page}`)));
      expect(pages.map((page) => page.results.length)).toEqual([20, 20, 5, 0]);
      expect(new Set(pages.flatMap((page) => page.results.map((item: { id: number }) => item.id))).size).toBe(45);
    });

    it('repeats and omits movies on a list that shifts', async () => {
      const sandbox = await start({ pageDrift: 5 });
      const ids: number[] = [];
      for (let page = 1; page <= 10; page += 1) {
        const { results } = await json(sandbox, `/movie/popular?page=${page}`);
        ids.push(...results.map((item: { id: number }) => item.id));
      }
      expect(ids).toHaveLength(200);
      expect(new Set(ids).size).toBeLessThan(200);
    });

    it('lists the genres', async () => {
      const { genres } = await json(await start(), '/genre/movie/list?language=en');
      expect(genres).toHaveLength(19);
      expect(genres[0]).toEqual({ id: 28, name: 'Action' });
    });

    it('lists changes by day, 100 a page, the same for the same days', async () => {
      const sandbox = await start({ movies: 100_000 });
      const path = '/movie/changes?start_date=2026-03-01&end_date=2026-03-03';
      const page = await json(sandbox, path);
      expect(page.results).toHaveLength(100);
      expect(page.results[0]).toMatchObject({ id: expect.any(Number), adult: false, softcore: false });
      expect(page.total_pages).toBe(Math.ceil(page.total_results / 100));
      expect(page.total_results).toBeGreaterThan(1_000);
      expect(await json(sandbox, path)).toEqual(page);
      expect((await json(sandbox, '/movie/changes?page=500')).results).toEqual([]);
    });

    it('has movies that leave the popular list, are deleted or merged, and come back', async () => {
      const clock = new ManualClock(Date.UTC(2026, 2, 1));
      const sandbox = await start({ movies: 40, clock });
      const popular = async () => {
        const pages = await Promise.all([1, 2].map((page) => json(sandbox, `/movie/popular?page=${page}`)));
        return pages.flatMap((page) => page.results.map((item: { id: number }) => item.id));
      };
      const all = await popular();
      const [unlisted, deleted, merged] = all;
      sandbox.setMovies(
        new Map([
          [unlisted, 'unlisted'],
          [deleted, 'deleted'],
          [merged, 'merged'],
        ]),
      );
      expect(await popular()).toEqual(all.slice(3));
      const statuses = [unlisted, deleted, merged].map(async (id) => (await get(sandbox, `/movie/${id}`)).status);
      expect(await Promise.all(statuses)).toEqual([200, 404, 404]);
      const changed = await json(sandbox, '/movie/changes?start_date=2026-03-01&end_date=2026-03-02');
      expect(changed.results.map((item: { id: number }) => item.id)).toEqual(expect.arrayContaining(all.slice(0, 3)));
      sandbox.setMovies(
        new Map([
          [unlisted, 'listed'],
          [deleted, 'listed'],
          [merged, 'listed'],
        ]),
      );
      expect(await popular()).toEqual(all);
      expect((await get(sandbox, `/movie/${deleted}`)).status).toBe(200);
    });

    it('sends the same headers', async () => {
      const { headers } = await get(await start(), '/genre/movie/list');
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-type': 'application/json;charset=utf-8',
        'cache-control': expect.stringMatching(/^public, max-age=\d+$/),
        etag: expect.stringMatching(/^W\/"[0-9a-f]{32}"$/),
        'content-encoding': 'gzip',
      });
      expect([...headers.keys()].filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
    });

    it('compresses only on request', async () => {
      const { headers } = await get(await start(), '/genre/movie/list', {
        authorization,
        'accept-encoding': 'identity',
      });
      expect(headers.get('content-encoding')).toBeNull();
    });

    it.each([
      ['/movie/999999999', 404, 34, 'The resource you requested could not be found.'],
      ['/movie/none', 404, 34, 'The resource you requested could not be found.'],
      ['/nothing/here', 404, 34, 'The resource you requested could not be found.'],
      ['/movie/popular?page=0', 400, 22, 'Invalid page: Pages start at 1 and max at 500.'],
      ['/movie/popular?page=501', 400, 22, 'Invalid page: Pages start at 1 and max at 500.'],
      ['/movie/popular?page=one', 400, 22, 'Invalid page: Pages start at 1 and max at 500.'],
      ['/movie/changes?page=501', 400, 22, 'Invalid page'],
      ['/movie/changes?start_date=2026-01-01&end_date=2026-01-16', 422, 20, 'Invalid date range'],
      ['/movie/changes?start_date=2026-01-02&end_date=2026-01-01', 422, 20, 'Invalid date range'],
      ['/movie/changes?start_date=yesterday', 422, 20, 'Invalid date range'],
    ])('refuses %s with %i and code %i', async (path, status, code, message) => {
      const response = await get(await start(), path);
      const body = (await response.json()) as Record<string, unknown>;
      expect(response.status).toBe(status);
      expect(body).toMatchObject({
        success: false,
        status_code: code,
        status_message: expect.stringContaining(message),
      });
    });

    it('refuses missing or wrong credentials', async () => {
      const sandbox = await start({ token: 'the-only-one' });
      const statuses = [];
      const attempts: [string, Record<string, string>][] = [
        ['', {}],
        ['', { authorization }],
        ['?api_key=wrong', {}],
        ['?api_key=the-only-one', {}],
        ['', { authorization: 'Bearer the-only-one' }],
      ];
      for (const [query, headers] of attempts) {
        const response = await get(sandbox, `/genre/movie/list${query}`, headers);
        statuses.push([response.status, ((await response.json()) as { status_code?: number }).status_code]);
      }
      expect(statuses).toEqual([
        [401, 7],
        [401, 7],
        [401, 7],
        [200, undefined],
        [200, undefined],
      ]);
      expect(requests.map((request) => request.path)).toEqual(Array(5).fill('/3/genre/movie/list'));
      expect(requests.map((request) => request.hasAuthorization)).toEqual([false, true, false, false, true]);
      expect(requests.map((request) => request.hasApiKey)).toEqual([false, false, true, true, false]);
    });

    it('accepts any credentials when none are configured, but requires some', async () => {
      const sandbox = await start();
      expect((await get(sandbox, '/genre/movie/list?api_key=x', {})).status).toBe(200);
      expect((await get(sandbox, '/genre/movie/list', {})).status).toBe(401);
    });

    it('shows newer numbers in another version', async () => {
      const sandbox = await start({ movies: 100 });
      const votes = async () =>
        (await json(sandbox, '/movie/popular')).results.map((item: { vote_count: number }) => item.vote_count);
      const before = await votes();
      sandbox.setVersion(1);
      expect(await votes()).not.toEqual(before);
    });
  });

  describe('its rate limit', () => {
    it('allows as many requests as fit in a window, and tells the others when to retry', async () => {
      const clock = new ManualClock();
      const sandbox = await start({ limit: { capacity: 3, windowMs: 10_000 }, clock });
      const ask = async () => {
        const response = await get(sandbox, '/genre/movie/list');
        const retryAfter = response.headers.get('retry-after');
        await response.arrayBuffer();
        return [response.status, retryAfter];
      };
      const ok = [200, null];
      expect([await ask(), await ask(), await ask()]).toEqual([ok, ok, ok]);
      await clock.advance(1_500);
      expect(await ask()).toEqual([429, '9']);
      await clock.advance(8_500);
      expect([await ask(), await ask(), await ask()]).toEqual([ok, ok, [429, '10']]);
      expect(sandbox.stats()).toEqual({
        requests: 7,
        byStatus: { 200: 5, 429: 2 },
        maxInAnyWindow: 4,
        windowMs: 10_000,
        limit: { capacity: 3, windowMs: 10_000 },
        maxConnections: 1,
        faulty: 0,
      });
    });

    it('refuses requests with the body that TMDb sends now', async () => {
      const sandbox = await start({ limit: { capacity: 1, windowMs: 60_000 } });
      await get(sandbox, '/genre/movie/list');
      const refused = await get(sandbox, '/genre/movie/list');
      expect(await refused.text()).toBe(
        '{"success":false,"status_code":25,"status_message":"Your request count is over the allowed limit."}',
      );
    });

    it('is 40 requests in 10 s by default', async () => {
      const sandbox = await startSandbox();
      opened.push(sandbox);
      expect(sandbox.stats().limit).toEqual({ capacity: 40, windowMs: 10_000 });
    });
  });

  describe('controls', () => {
    const control = async (sandbox: Sandbox, path: string, body?: string) => {
      const url = new URL(path, sandbox.url);
      const response = await fetch(url, body === undefined ? {} : { method: 'POST', body });
      // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects
      return { status: response.status, value: (await response.json()) as any };
    };

    it('show the counts of requests, are not counted themselves, and reset the counts', async () => {
      const sandbox = await start();
      await get(sandbox, '/movie/0');
      expect((await control(sandbox, '/sandbox/stats')).value).toMatchObject({ requests: 1, byStatus: { 404: 1 } });
      await control(sandbox, '/sandbox/reset', '');
      expect((await control(sandbox, '/sandbox/stats')).value).toMatchObject({ requests: 0, maxInAnyWindow: 0 });
    });

    it('change the faults while it runs, and refuse invalid ones', async () => {
      const sandbox = await start();
      const changed = await control(
        sandbox,
        '/sandbox/faults',
        '[{"kind":"status","status":503,"path":"/movie/"},{"kind":"delay","ms":1,"rate":0.5}]',
      );
      expect(changed).toMatchObject({ status: 200, value: [{ kind: 'status', status: 503 }, { kind: 'delay' }] });
      expect((await get(sandbox, '/movie/popular')).status).toBe(503);
      const refused = await control(sandbox, '/sandbox/faults', 'explode');
      expect(refused).toMatchObject({ status: 400, value: { error: expect.stringContaining('"explode"') } });
      expect((await control(sandbox, '/sandbox/faults')).value).toHaveLength(2);
      await control(sandbox, '/sandbox/faults', '');
      expect((await get(sandbox, '/movie/popular')).status).toBe(200);
    });

    it('change the version, and refuse an invalid one', async () => {
      const sandbox = await start();
      expect((await control(sandbox, '/sandbox/version', '2')).value).toEqual({ version: 2 });
      expect((await control(sandbox, '/sandbox/version', 'new')).status).toBe(400);
      expect((await control(sandbox, '/sandbox/movies', '{"7":"unlisted","8":"merged"}')).value).toEqual({ movies: 2 });
      expect((await control(sandbox, '/sandbox/movies', '{"7":"gone"}')).status).toBe(400);
      expect((await control(sandbox, '/sandbox/elsewhere')).status).toBe(404);
    });
  });

  describe('misbehaves on request:', () => {
    const inject = async (fault: NonNullable<SandboxOptions['faults']>[number]) => start({ faults: [fault] });
    const firstId = async (sandbox: Sandbox) => (await json(sandbox, '/movie/popular')).results[0].id as number;

    it.each<[number, ErrorCode]>([
      [401, 7],
      [404, 34],
      [429, 25],
      [500, 11],
      [502, 43],
      [503, 46],
      [504, 24],
    ])('status %i with code %i', async (status, code) => {
      const response = await get(await inject({ kind: 'status', status }), '/movie/1');
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ success: false, status_code: code });
    });

    it.each([
      ['5', '5'],
      ['1000000000', '1000000000'],
      ['soon', 'soon'],
      ['none', null],
    ])('429 with Retry-After %s', async (retryAfter, header) => {
      const response = await get(await inject({ kind: 'status', status: 429, retryAfter }), '/movie/1');
      expect(response.headers.get('retry-after')).toBe(header);
    });

    it('429 with an HTTP date', async () => {
      const response = await get(await inject({ kind: 'status', status: 429, retryAfter: 'date' }), '/movie/1');
      expect(response.headers.get('retry-after')).toMatch(/^\w{3}, \d{2} \w{3} \d{4} [\d:]{8} GMT$/);
    });

    it('a delay, by the clock', async () => {
      const clock = new ManualClock();
      const sandbox = await start({ clock, faults: [{ kind: 'delay', ms: 5_000 }] });
      let isAnswered = false;
      const answered = get(sandbox, '/genre/movie/list').then(() => {
        isAnswered = true;
      });
      while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(4_999);
      expect(isAnswered).toBe(false);
      await clock.advance(1);
      await answered;
      expect(sandbox.stats()).toMatchObject({ faulty: 1, byStatus: { 200: 1 } });
    });

    it('a truncated body', async () => {
      const response = await get(await inject({ kind: 'truncate' }), '/genre/movie/list');
      expect(response.status).toBe(200);
      await expect(response.arrayBuffer()).rejects.toThrow();
    });

    it('a body that arrives byte by byte', async () => {
      const response = await get(await inject({ kind: 'slow', bytesPerSecond: 10 }), '/genre/movie/list');
      const reader = response.body?.getReader();
      expect((await reader?.read())?.value).toHaveLength(1);
      await reader?.cancel();
    });

    it('a page of HTML', async () => {
      const response = await get(await inject({ kind: 'html' }), '/movie/1');
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    });

    it('a redirect', async () => {
      const response = await get(await inject({ kind: 'redirect', location: 'http://127.0.0.1:1/x' }), '/movie/1');
      expect([response.status, response.headers.get('location')]).toEqual([302, 'http://127.0.0.1:1/x']);
    });

    it('no answer at all', async () => {
      const sandbox = await inject({ kind: 'drop' });
      await expect(get(sandbox, '/movie/1')).rejects.toThrow();
      // A client may retry by itself after a cut connection.
      expect(Object.keys(sandbox.stats().byStatus)).toEqual(['dropped']);
    });

    it('an empty body', async () => {
      const response = await get(await inject({ kind: 'empty' }), '/movie/1');
      expect([response.status, await response.text()]).toEqual([200, '']);
    });

    it('a body of any kind', async () => {
      const response = await get(await inject({ kind: 'body', body: '[]', contentType: 'text/plain' }), '/movie/1');
      expect([response.headers.get('content-type'), await response.text()]).toEqual(['text/plain', '[]']);
    });

    it('the details of another movie', async () => {
      const sandbox = await inject({ kind: 'wrong-id', path: '/movie/{id}' });
      const id = await firstId(sandbox);
      expect((await json(sandbox, `/movie/${id}`)).id).toBe(id + 1);
    });

    it.each([
      ['/movie/popular?page=3', 'results', 20],
      ['/genre/movie/list', 'genres', 19],
    ])('bad elements in %s, beside all the good ones', async (path, key, good) => {
      const sandbox = await inject({ kind: 'bad-items', count: 30 });
      const items: { id?: unknown }[] = (await json(sandbox, path))[key];
      expect(items).toHaveLength(good + 30);
      const isGood = (id: unknown) => Number.isInteger(id) && Number(id) > 0 && Number(id) < 2 ** 31;
      expect(items.filter((item) => isGood(item?.id))).toHaveLength(good);
    });

    it('invalid totals', async () => {
      const sandbox = await inject({ kind: 'bad-totals' });
      for (let page = 1; page <= 10; page += 1) {
        const { total_pages, results } = await json(sandbox, `/movie/popular?page=${page}`);
        expect(Number.isInteger(total_pages) && total_pages >= page).toBe(false);
        expect(results).toHaveLength(20);
      }
    });

    it('gzip that is not declared', async () => {
      const sandbox = await inject({ kind: 'undeclared-gzip' });
      const response = await get(sandbox, '/movie/popular');
      expect(response.headers.get('content-encoding')).toBeNull();
      const body = gunzipSync(Buffer.from(await response.arrayBuffer()));
      expect(JSON.parse(body.toString()).results).toHaveLength(20);
    });

    it('an error in the body of a 200', async () => {
      const response = await get(await inject({ kind: 'error-body', code: 34 }), '/movie/popular');
      expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ status_code: 34 })]);
    });

    it('a gzip bomb that is valid JSON', async () => {
      const response = await get(await inject({ kind: 'bomb', bytes: 20_000_000 }), '/movie/1');
      const text = await response.text();
      expect(text.length).toBeGreaterThan(20_000_000);
      expect(JSON.parse(text).id).toBe(1);
    });
  });

  it('answers after a latency, by the clock', async () => {
    const clock = new ManualClock();
    const sandbox = await start({ clock, latencyMs: [200, 300] });
    const answer = get(sandbox, '/genre/movie/list');
    while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(199);
    expect(clock.sleeping).toBe(1);
    await clock.advance(101);
    expect((await answer).status).toBe(200);
  });

  it('ends at once when it is closed, including held answers and their timers, and can be closed twice', async () => {
    const clock = new ManualClock();
    const sandbox = await start({ clock, faults: [{ kind: 'delay', ms: 3_600_000 }] });
    const held = get(sandbox, '/movie/1').catch(() => 'cut');
    while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve));
    await sandbox[Symbol.asyncDispose]();
    expect(await held).toBe('cut');
    expect(clock.sleeping).toBe(0);
    await sandbox[Symbol.asyncDispose]();
    await expect(get(sandbox, '/movie/1')).rejects.toThrow();
  });

  it('reports that its port is in use', async () => {
    const { port } = await start();
    await expect(startSandbox({ port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port} (EADDRINUSE)`);
  });
});
