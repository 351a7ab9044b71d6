import { Cron } from 'croner';
import { z } from 'zod';
import { Secret } from './secret.ts';
import { parseBytes, parseDuration } from './units.ts';

/** The field types that `config.ts` uses. */

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** A text that `parse` accepts; `hint` is an example of a valid one. */
export const parsedBy = <T>(parse: (text: string) => T | null, hint: string) =>
  z.string().transform((text, context): T => {
    const value = parse(text);
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message: `expected something like ${hint}, got "${text}"` });
    return z.NEVER;
  });

export const duration = (fallback: string) => parsedBy(parseDuration, '10s, 15m or 24h').prefault(fallback);
export const bytes = (fallback: string) => parsedBy(parseBytes, '500KB or 64MB').prefault(fallback);
export const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback);
export const secret = z
  .string()
  .trim()
  .min(1)
  .transform((text) => new Secret(text))
  .optional();
/** Text that is valid in an HTTP header. */
export const headerSecret = z
  .string()
  .trim()
  .regex(/^[\x21-\x7e]+$/, 'has characters that are not valid in an HTTP header: copy it again')
  .transform((text) => new Secret(text))
  .optional();
export const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');
export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

/** The URL is printed and stored, so it must not contain a secret. */
const isBareUrl = (text: string): boolean => {
  const { username, password, search, hash } = new URL(text);
  return [username, password, search, hash].every((part) => part === '');
};

export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'expected a URL such as https://api.themoviedb.org/3', abort: true })
  .refine(isBareUrl, 'the URL must have no user, password, query or fragment: credentials go into TMDB_TOKEN')
  .transform((url) => url.replace(/\/+$/, ''));

/** Outside version 3 of its API, TMDb answers every path with the 404 of a deleted movie. */
const isVersion3 = (url: string): boolean => {
  const { hostname, pathname } = new URL(url);
  return !/(^|\.)(themoviedb|tmdb)\.org$/.test(hostname) || pathname === '/3';
};

/** Without a trailing slash. */
export const tmdbUrl = httpUrl.refine(isVersion3, 'the path must end with /3, as in https://api.themoviedb.org/3');

function isDecodable(text: string): boolean {
  try {
    const { username, password } = new URL(text);
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

/** `redis://` or `rediss://`. It may contain user and password, so the whole URL is a secret. */
export const bucketUrl = z
  .url({ protocol: /^rediss?$/, error: 'expected a URL such as redis://127.0.0.1:6379' })
  .refine(isDecodable, 'a % in user or password must be written as %25')
  .transform((url) => new Secret(url))
  .optional();

/** `http://` or `https://`; the scheme is optional. It may contain user and password, so the whole URL is a secret. */
export const proxyUrl = z
  .string()
  .trim()
  .transform((text) => (text.includes('://') ? text : `http://${text}`))
  .pipe(z.url({ protocol: /^https?$/, error: 'expected a URL such as http://proxy.example.com:3128', abort: true }))
  .refine(isDecodable, 'a % in user or password must be written as %25')
  .transform((url) => new Secret(url))
  .optional();

/** `host:port`; a host in brackets is IPv6. */
export function parseListen(text: string): ListenAddress | null {
  const [, host = '', port = ''] = /^(\[[\da-f:.]+\]|[^\s:/]+):(\d{1,5})$/i.exec(text.trim()) ?? [];
  return host !== '' && Number(port) <= 65_535 ? { host: host.replace(/^\[|\]$/g, ''), port: Number(port) } : null;
}

/** A cron pattern that matches at least one future time. */
export function parseSchedule(text: string): string | null {
  try {
    return new Cron(text, { paused: true }).nextRun() ? text : null;
  } catch {
    return null;
  }
}
