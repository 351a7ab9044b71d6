import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { Secret } from '../../runtime/secret.ts';
import { openTransport } from '../../tmdb/transport.ts';
import { openSnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { createAuthority } from '../support/kafka/certificates.ts';
import { startConnectProxy } from '../support/network/connect-proxy.ts';
import { Workspace } from '../support/processes/cli.ts';
import { serve } from '../support/tmdb/http-server.ts';

/** A name that only the proxy resolves: a direct connection fails. */
const host = 'tmdb.behind-the-proxy.test';
const credentials = 'me:pa/ss word';
const inUrl = 'me:pa%2Fss%20word';
const authority = createAuthority('an authority of this test');
const asUsual = tls.getCACertificates('default');
beforeAll(() => tls.setDefaultCACertificates([...asUsual, authority.cert]));
afterAll(() => tls.setDefaultCACertificates(asUsual));

const tmdb = () =>
  serve(
    (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":5}'),
    authority.issue([host]),
  );
const transportTo = (baseUrl: string, proxy: string) =>
  openTransport({
    ...{ baseUrl, token: new Secret('made-up'), apiKey: undefined, timeoutMs: 5_000, maxBodyBytes: 1_000 },
    ...{ connections: 2, proxy: new Secret(proxy) },
  });

describe('behind a proxy', () => {
  it('[R113] requests to TMDb go through it, by host name, and only TMDb receives the token', async () => {
    await using server = await tmdb();
    await using proxy = await startConnectProxy({ hosts: { [`${host}:443`]: server.port }, credentials });
    await using transport = transportTo(`https://${host}/3`, `http://${inUrl}@127.0.0.1:${proxy.port}`);
    expect((await transport.get('/movie/5', () => {})).body.toString()).toBe('{"id":5}');
    expect(proxy.asked).toEqual([`CONNECT ${host}:443`]);
    expect(server.seen).toEqual(['GET /3/movie/5 Bearer made-up']);
  });

  it.each([
    ['does not know the name', 'http://me:x@', undefined, /which answered 502/],
    [
      'refuses the password',
      'http://me:wrong-word@',
      credentials,
      /which answered 407: check user and password in HTTPS_PROXY/,
    ],
  ])(
    '[R113] the error of a proxy that %s names it without its password, and is retriable',
    async (_, start, required, message) => {
      await using proxy = await startConnectProxy({ hosts: {}, ...(required && { credentials: required }) });
      await using transport = transportTo(`https://${host}/3`, `${start}127.0.0.1:${proxy.port}`);
      const failure = await transport.get('/movie/5', () => {}).catch((error) => error);
      expect(failure).toMatchObject({ name: 'UnusableAnswerError', retriable: true });
      expect(failure.message).toMatch(message);
      expect(failure.message).toContain(`through the proxy http://127.0.0.1:${proxy.port}`);
      expect(failure.message).not.toContain('wrong-word');
    },
  );

  it('[R113] the Snowflake driver logs in through it, by the name of the account', async () => {
    await using proxy = await startConnectProxy({ hosts: {}, credentials });
    const settings = {
      ...{ account: 'myorg-behind', user: 'u', role: undefined, database: 'D', url: undefined },
      ...{ ingestWarehouse: 'I', transformWarehouse: 'T', analystRole: 'A', dashboardPollMs: 60_000, timeoutMs: 6_000 },
      credentials: { kind: 'token', token: new Secret('canary-token-of-snowflake') } as const,
      proxy: { https: new Secret(`http://${inUrl}@127.0.0.1:${proxy.port}`), http: undefined, noProxy: [] },
    };
    const failure = await openSnowflakeSession({ settings, clock: systemClock, stage: 'test' }).catch((error) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(proxy.asked).toContain('CONNECT myorg-behind.snowflakecomputing.com:443');
  });

  it('[R113] doctor names it without its password, and requests to the sandbox of this machine bypass it', {
    tags: ['full'],
  }, async () => {
    await using proxy = await startConnectProxy({ hosts: {}, credentials: 'stranger:else' });
    using workspace = new Workspace({
      HTTPS_PROXY: `http://${inUrl}@127.0.0.1:${proxy.port}`,
      TMDB_GIVE_UP_AFTER: '1s',
    });
    const { stdout } = await workspace.run(['doctor'], { TMDB_TOKEN: 'made-up', TMDB_TIMEOUT: '2s' });
    expect(stdout).toContain(`TMDb through http://127.0.0.1:${proxy.port}`);
    expect(stdout).toMatch(/WRONG {2}tmdb .*through the proxy http:\/\/127\.0\.0\.1:\d+, which answered 407/);
    expect(stdout).not.toContain('ss word');
    expect(stdout).not.toContain(inUrl);
    const { stdout: sandboxed } = await workspace.run(['doctor']);
    expect(sandboxed).toMatch(/ok {5}tmdb /);
    expect(proxy.asked.every((asked) => asked === 'CONNECT api.themoviedb.org:443')).toBe(true);
  });
});
