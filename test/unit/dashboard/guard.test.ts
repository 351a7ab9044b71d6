import { describe, expect, it, vi } from 'vitest';
import { textAnswer } from '../../../dashboard/answer.ts';
import { AnswerCache } from '../../../dashboard/answer-cache.ts';
import { encodingFor } from '../../../dashboard/encodings.ts';
import { createGuard } from '../../../dashboard/guard.ts';
import { Secret } from '../../../runtime/secret.ts';

describe('the guard of the dashboard', () => {
  const guard = createGuard({ hosts: ['Dashboard.example.com'], token: undefined });

  it.each(['localhost', 'localhost:8484', '127.0.0.1:8484', '127.1.2.3', '[::1]:8484', 'dashboard.EXAMPLE.com:443'])(
    'accepts the host %s',
    (host) => expect(guard({ host })).toBeNull(),
  );

  it.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '[::1',
    'localhost:8484/x',
    'evil@localhost',
  ])('refuses the host %s', (host) => expect(guard({ host })).toBe('host'));

  it('asks for the token, as a bearer token or as a password', () => {
    const withToken = createGuard({ hosts: [], token: new Secret('s3cret:x') });
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    const results = [
      'Bearer s3cret:x',
      'bearer s3cret:x',
      basic('anyone:s3cret:x'),
      undefined,
      '',
      'Bearer s3cret',
      'Bearer ',
      basic('s3cret:x:'),
      'Digest s3cret:x',
    ].map((authorization) => withToken({ host: 'localhost', authorization }));
    expect(results).toEqual([null, null, null, 'token', 'token', 'token', 'token', 'token', 'token']);
  });
});

describe('the encoding of an answer', () => {
  it.each([
    ['gzip, deflate, br', 5_000, 'br'],
    ['gzip', 5_000, 'gzip'],
    ['br;q=0, gzip;q=0.5', 5_000, 'gzip'],
    ['br;q=0.0', 5_000, undefined],
    ['identity', 5_000, undefined],
    [undefined, 5_000, undefined],
    ['br', 100, undefined],
  ])('for %s and %i bytes is %s', (accepted, bytes, encoding) => expect(encodingFor(accepted, bytes)).toBe(encoding));
});

describe('the kept answers', () => {
  it('are shared by callers at the same time, and replaced when GOLD is published', async () => {
    const cache = new AnswerCache();
    const make = vi.fn(async () => textAnswer(200, 'made'));
    await Promise.all([cache.get('1', '/', make), cache.get('1', '/', make)]);
    expect(make).toHaveBeenCalledTimes(1);
    await cache.get('2', '/', make);
    expect(make).toHaveBeenCalledTimes(2);
  });

  it('do not include failures, and are limited', async () => {
    const cache = new AnswerCache();
    await expect(cache.get('1', '/', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const make = vi.fn(async () => textAnswer(200, 'made'));
    await cache.get('1', '/', make);
    for (let page = 1; page <= 100; page++) await cache.get('1', `/${page}`, make);
    await cache.get('1', '/', make);
    expect(make).toHaveBeenCalledTimes(102);
  });
});
