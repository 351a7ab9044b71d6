import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { bareHost, isLoopback } from '../runtime/addresses.ts';
import type { Secret } from '../runtime/secret.ts';

export interface GuardOptions {
  /** Names under which a browser may use the server, besides those of this machine. */
  readonly hosts: readonly string[];
  /** If set, every request needs it. */
  readonly token: Secret | undefined;
}

/** Why a request is refused. */
export type Refusal = 'host' | 'token';

/**
 * Checks a request before anything else. The host must be one of this machine or a configured one: otherwise a page of another site could
 * point its own name to this address, and read the answers. @returns null if the request is accepted.
 */
export function createGuard({ hosts, token }: GuardOptions): (headers: IncomingHttpHeaders) => Refusal | null {
  const allowed = new Set(hosts.map(bareHost));
  const expected = token && digest(token.reveal());
  const isKnown = (host: string) => allowed.has(host) || host === 'localhost' || isLoopback(host);
  return ({ host, authorization }) => {
    const name = hostName(host);
    if (name === null || !isKnown(name)) return 'host';
    // A comparison of digests takes the same time for each token.
    if (expected && !timingSafeEqual(digest(givenToken(authorization)), expected)) return 'token';
    return null;
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The host of the header, without its port. */
function hostName(header: string | undefined): string | null {
  const [, host] = /^(\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i.exec(header ?? '') ?? [];
  return host === undefined ? null : bareHost(host);
}

/** `Bearer TOKEN`, or the password of `Basic`, for which a browser asks. */
function givenToken(authorization = ''): string {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return '';
  return Buffer.from(value, 'base64')
    .toString()
    .replace(/^[^:]*:/, '');
}
