import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TransientError } from '../../../kafka/errors.ts';
import { createTokenProvider } from '../../../kafka/oauth-token.ts';
import { Secret } from '../../../runtime/secret.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { createAuthority } from '../../support/kafka/certificates.ts';
import { startConnectProxy } from '../../support/network/connect-proxy.ts';
import { serve } from '../../support/tmdb/http-server.ts';

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

let server: Server;
let answers: Answer[];
let asked: { readonly headers: IncomingMessage['headers']; readonly form: URLSearchParams }[];

beforeEach(async () => {
  [answers, asked] = [[], []];
  server = createServer(async (request, response) => {
    asked.push({ headers: request.headers, form: new URLSearchParams(await text(request)) });
    const { status = 200, headers = {}, body } = answers.shift() ?? { status: 500, body: '' };
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const login = (more: { readonly scope?: string } = {}) => ({
  mechanism: 'oauthbearer' as const,
  tokenUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
  ...{ clientId: 'a client', clientSecret: new Secret('canary:secret'), scope: undefined, ...more },
});

it('asks with the credentials of the client, and uses a token until shortly before its end', async () => {
  const clock = new ManualClock();
  const provide = createTokenProvider(login({ scope: 'kafka' }), { clock });
  answers.push({ body: { access_token: 'one', expires_in: 300 } }, { body: { access_token: 'two', expires_in: '10' } });
  expect(await Promise.all([provide(), provide()])).toEqual([{ value: 'one' }, { value: 'one' }]);
  const credentials = Buffer.from(`a%20client:canary${'%3A'}secret`).toString('base64');
  expect(asked[0]?.headers.authorization).toBe(`Basic ${credentials}`);
  expect(Object.fromEntries(asked[0]?.form ?? [])).toEqual({ grant_type: 'client_credentials', scope: 'kafka' });
  await clock.advance(269_000);
  expect(await provide()).toEqual({ value: 'one' });
  await clock.advance(2_000);
  expect(await provide()).toEqual({ value: 'two' });
  await clock.advance(4_000);
  await provide();
  expect(asked).toHaveLength(2);
  // The machine slept: its monotonic clock stood still.
  clock.set(3_600_000);
  answers.push({ body: { access_token: 'three', expires_in: 300 } });
  expect(await provide()).toEqual({ value: 'three' });
});

it.each<[string, Answer, string, string]>([
  [
    'the client is refused',
    { status: 401, body: { error: 'invalid_client', error_description: 'canary' } },
    'OAuthRefusedError',
    'answered 401 (invalid_client)',
  ],
  ['there is no token in the answer', { body: '<html>' }, 'OAuthRefusedError', 'without an access token'],
  ['the server fails', { status: 503, body: 'canary' }, 'TransientError', 'answered 503'],
  [
    'it is redirected',
    { status: 307, headers: { location: 'http://127.0.0.1:1/canary' }, body: '' },
    'TransientError',
    'answered 307',
  ],
])('[S3] says in one line without a secret why there is no token if %s', async (_, answer, name, message) => {
  answers.push(answer);
  const failure = await createTokenProvider(login())().catch((error) => error);
  expect({ ...failure, name: failure.constructor.name }).toMatchObject({ name });
  expect(failure.message).toContain(message);
  expect(failure.message).not.toMatch(/canary|\n/);
});

it('survives a connection that breaks in the middle of the answer', async () => {
  server.removeAllListeners('request').on('request', (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"access');
    setImmediate(() => response.destroy());
  });
  const failure = await createTokenProvider(login())().catch((error) => error);
  expect(failure).toBeInstanceOf(TransientError);
  expect(failure.message).toContain('no token from 127.0.0.1');
});

it('asks again after a failure', async () => {
  const provide = createTokenProvider(login());
  answers.push({ status: 503, body: '' }, { body: { access_token: 'one' } });
  await expect(provide()).rejects.toThrow('503');
  expect(await provide()).toEqual({ value: 'one' });
});

it('[R113] asks through the proxy, by host name, and a failure names the proxy without its password', async () => {
  const host = 'login.behind-the-proxy.test';
  const authority = createAuthority('an authority of this test');
  const asUsual = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...asUsual, authority.cert]);
  try {
    await using endpoint = await serve(
      (_, response) => response.end(JSON.stringify({ access_token: 'one' })),
      authority.issue([host]),
    );
    const hosts = { [`${host}:443`]: endpoint.port };
    await using proxy = await startConnectProxy({ hosts, credentials: 'me:pa/ss word' });
    const providerWith = (password: string) =>
      createTokenProvider(
        { ...login(), tokenUrl: `https://${host}/token` },
        {
          proxy: {
            https: new Secret(`http://me:${password}@127.0.0.1:${proxy.port}`),
            ...{ http: undefined, noProxy: [] },
          },
        },
      );
    expect(await providerWith('pa%2Fss%20word')()).toEqual({ value: 'one' });
    expect(proxy.asked).toEqual([`CONNECT ${host}:443`]);
    const failure = await providerWith('canary')().catch((error) => error);
    expect(failure).toBeInstanceOf(TransientError);
    expect(failure.message).toMatch(/through the proxy http:\/\/127.0.0.1:\d+: .*407/);
    expect(failure.message).not.toContain('canary');
  } finally {
    tls.setDefaultCACertificates(asUsual);
  }
});
