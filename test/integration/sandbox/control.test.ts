import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../sandbox/server.ts';

describe("the sandbox's controls", () => {
  let sandbox: Sandbox;
  beforeEach(async () => {
    sandbox = await startSandbox({ limit: null });
  });
  afterEach(() => sandbox[Symbol.asyncDispose]());

  /** The status of a request with these headers, which `fetch` would not send. */
  const statusWith = (path: string, headers: Record<string, string>, body = ''): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: sandbox.port, path, method: 'POST', headers });
      request.on('error', reject).on('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.end(body);
    });

  it.each([
    ['its address', () => ({}), 200],
    ['localhost', (port: number) => ({ host: `localhost:${port}` }), 200],
    ['IPv6', (port: number) => ({ host: `[::1]:${port}` }), 200],
    ['the name of its container', (port: number) => ({ host: `sandbox:${port}` }), 200],
    ['a page of its own', (port: number) => ({ origin: `http://127.0.0.1:${port}` }), 200],
    ['a page of another site', () => ({ origin: 'https://stranger.example' }), 403],
    ['a page of another port', () => ({ origin: 'http://127.0.0.1:1' }), 403],
    ['a sandboxed page', () => ({ origin: 'null' }), 403],
    ['another domain that points here', (port: number) => ({ host: `stranger.example:${port}` }), 421],
    ['a domain that looks like ours', (port: number) => ({ host: `localhost.stranger.example:${port}` }), 421],
    ['a user in the host', () => ({ host: 'localhost@stranger.example' }), 421],
  ])('[R99] answer %s with the correct status', async (_, headersFor, status) => {
    const host = `127.0.0.1:${sandbox.port}`;
    const headers = { host, ...(headersFor as (port: number) => object)(sandbox.port) };
    for (const path of ['/sandbox/reset', '/sandbox/faults', '/sandbox/stats']) {
      const expected = status === 200 && path === '/sandbox/stats' ? 404 : status;
      expect(await statusWith(path, headers), path).toBe(expected);
    }
  });

  it.each(['/sandbox/faults', '/sandbox/version', '/sandbox/movies'])(
    '[R99] read at most the allowed number of bytes: %s',
    async (path) => {
      const huge = { 'content-length': String(10 ** 12) };
      expect(await statusWith(path, { ...huge }, 'x'.repeat(64_001)).catch(() => 'cut off')).toBe(413);
      expect(await statusWith(path, {}, 'x'.repeat(64_000))).toBe(400);
    },
  );
});
