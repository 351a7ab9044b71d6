import { describe, expect, it } from 'vitest';
import { dropSecrets, loadConfig } from '../../../platform/config.ts';
import { proxyEnvironment, proxyFor, shownProxy } from '../../../runtime/proxy.ts';
import { Secret } from '../../../runtime/secret.ts';
import { snowflakeEnvironment } from '../../../warehouse/snowflake/dbt-environment.ts';

const proxy = 'http://proxy.internal:3128';
const token = { TMDB_TOKEN: 'made-up' };
const settingsOf = (env: Record<string, string>) => loadConfig({ ...token, ...env }).proxy;
const chosen = (target: string, env: Record<string, string>) => proxyFor(target, settingsOf(env))?.reveal();

describe('a proxy', () => {
  it.each([
    ['https://api.themoviedb.org/3', { HTTPS_PROXY: proxy }, proxy],
    ['https://api.themoviedb.org/3', { https_proxy: proxy }, proxy],
    ['https://api.themoviedb.org/3', { https_proxy: proxy, HTTPS_PROXY: 'http://other:1' }, proxy],
    ['https://api.themoviedb.org/3', { https_proxy: '', HTTPS_PROXY: proxy }, proxy],
    ['https://api.themoviedb.org/3', { HTTPS_PROXY: 'proxy.internal:3128' }, proxy],
    ['https://api.themoviedb.org/3', { HTTP_PROXY: proxy }, undefined],
    ['http://tmdb.internal/3', { HTTP_PROXY: proxy }, proxy],
    ['http://tmdb.internal/3', { http_proxy: proxy }, proxy],
    ['http://tmdb.internal/3', { HTTPS_PROXY: proxy }, undefined],
    ['https://api.themoviedb.org/3', {}, undefined],
  ])('for %s of %j is %s', (target, env, expected) => {
    expect(chosen(target, env as Record<string, string>)).toBe(expected);
  });

  it.each([
    'http://127.0.0.1:8080',
    'http://localhost:1',
    'https://tmdb.localhost',
    'http://[::1]:9',
    'http://127.9.9.9',
  ])('is never used for this machine: %s', (target) => {
    expect(chosen(target, { HTTPS_PROXY: proxy, HTTP_PROXY: proxy })).toBeUndefined();
  });

  it.each([
    ['*', 'api.example.com', true],
    ['example.com', 'api.example.com', true],
    ['.example.com', 'api.example.com', true],
    ['*.example.com', 'api.example.com', true],
    ['API.Example.com.', 'api.example.com', true],
    ['api.example.com:443', 'api.example.com', true],
    ['other.org, example.com', 'api.example.com', true],
    ['other.org example.com', 'api.example.com', true],
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.3', true],
    ['2001:db8::/32', '[2001:db8::7]', true],
    ['[2001:db8::7]:443', '[2001:db8::7]', true],
    ['ample.com', 'api.example.com', false],
    ['com.example', 'api.example.com', false],
    ['10.0.0.0/8', '11.1.2.3', false],
    ['10.0.0.0/99', '10.1.2.3', false],
    ['2.3', '10.1.2.3', false],
    ['', 'api.example.com', false],
    ['.', 'api.example.com', false],
  ])('with NO_PROXY=%s: %s is direct: %s', (noProxy, host, isDirect) => {
    for (const name of ['NO_PROXY', 'no_proxy']) {
      const found = chosen(`https://${host}`, { HTTPS_PROXY: proxy, [name]: noProxy });
      expect(found === undefined, name).toBe(isDirect);
    }
  });

  it('has a secret password, in every spelling of its variable, and is removed from the environment after it is read', () => {
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy']) {
      const environment = { ...token, [name]: 'http://me:pa%2Fss-word@proxy.internal:3128' };
      const { secrets, proxy: settings, childEnvironment } = loadConfig(environment);
      const values = secrets.map((secret) => secret.reveal());
      expect(values).toEqual(expect.arrayContaining(['pa%2Fss-word', 'pa/ss-word']));
      expect(JSON.stringify(settings)).not.toContain('ss-word');
      expect(JSON.stringify(childEnvironment)).not.toContain('ss-word');
      expect(shownProxy((settings.https ?? settings.http) as Secret)).toBe('http://proxy.internal:3128');
      dropSecrets(environment);
      expect(Object.keys(environment)).toEqual([]);
    }
  });

  it.each([
    ['socks5://proxy.internal:1080', /expected a URL such as/],
    ['http://', /expected a URL such as/],
    ['http://me:50%@proxy.internal:1', /written as %25/],
    ['http://me:secret-word@proxy.example.com:3128', /would go to proxy.example.com unencrypted/],
  ])('is refused when it is %s, without its password', (url, message) => {
    for (const name of ['HTTPS_PROXY', 'http_proxy']) {
      expect(() => settingsOf({ [name]: url })).toThrow(message);
      expect(() => settingsOf({ [name]: url })).not.toThrow(/secret-word/);
    }
  });

  it('[R113] is passed to dbt for Snowflake in both spellings, and this machine is reached directly', () => {
    const snowflake = { account: 'a', user: 'u', credentials: { kind: 'token', token: new Secret('t') } } as const;
    const names = {
      database: 'D',
      ingestWarehouse: 'I',
      transformWarehouse: 'T',
      analystRole: 'A',
      dashboardPollMs: 60_000,
      role: undefined,
      url: undefined,
    };
    const settings = { https: new Secret(proxy), http: undefined, noProxy: ['example.com'] };
    const environment = snowflakeEnvironment({ ...snowflake, ...names, timeoutMs: 1, proxy: settings });
    const direct = 'example.com,localhost,127.0.0.1,::1';
    expect(environment).toMatchObject({ HTTPS_PROXY: proxy, https_proxy: proxy, NO_PROXY: direct, no_proxy: direct });
    expect(environment).not.toHaveProperty('HTTP_PROXY');
    expect(proxyEnvironment({ https: undefined, http: undefined, noProxy: ['x'] })).toEqual({});
  });
});
