import { isIP } from 'node:net';
import { addressesIn, bareHost, isLoopback } from './addresses.ts';
import type { Secret } from './secret.ts';

/** The HTTP proxies for other servers, by the scheme of their URL. */
export interface ProxySettings {
  /** URLs of proxies. They may contain a user and a password, so each is a secret. */
  readonly https: Secret | undefined;
  readonly http: Secret | undefined;
  /** Hosts that are reached directly: names including all names below them, addresses, networks such as `10.0.0.0/8`, or `*`. */
  readonly noProxy: readonly string[];
}

/** The proxy for `target`; undefined if it is reached directly. This machine always is. */
export function proxyFor(target: string, { https, http, noProxy }: ProxySettings): Secret | undefined {
  const { protocol, hostname } = new URL(target);
  const host = bare(hostname);
  if (isThisMachine(host) || noProxy.some((entry) => matches(bare(entry), host))) return undefined;
  return protocol === 'https:' ? https : http;
}

/** A proxy as it may be printed: without user and password. */
export function shownProxy(proxy: Secret): string {
  const { protocol, host } = new URL(proxy.reveal());
  return `${protocol}//${host}`;
}

/** The settings as the variables that other programs read, in both spellings; this machine is always reached directly. */
export function proxyEnvironment({ https, http, noProxy }: ProxySettings): Record<string, string> {
  if (!https && !http) return {};
  const direct = [...new Set([...noProxy, 'localhost', '127.0.0.1', '::1'])].join(',');
  const variables = {
    ...(https && { HTTPS_PROXY: https.reveal() }),
    ...(http && { HTTP_PROXY: http.reveal() }),
    NO_PROXY: direct,
  };
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => [
      [name, value],
      [name.toLowerCase(), value],
    ]),
  );
}

/** A host without its port, in the form of `bareHost`. */
const bare = (host: string): string =>
  bareHost(
    host
      .trim()
      .replace(/^\[([^\]]*)\](?::\d+)?$/, '$1')
      .replace(/^([^:]+):\d+$/, '$1'),
  );

const isThisMachine = (host: string): boolean => (isIP(host) === 0 ? /(^|\.)localhost$/.test(host) : isLoopback(host));

/** Whether an entry of NO_PROXY matches a host. */
function matches(entry: string, host: string): boolean {
  if (entry === '*') return true;
  const [, network = '', bits = ''] = /^([\da-f.:]+)\/(\d{1,3})$/.exec(entry) ?? [];
  if (isIP(network) !== 0) return isIP(host) === isIP(network) && isWithin(host, network, Number(bits));
  const name = entry.replace(/^\*?\.+/, '');
  return name !== '' && (host === name || (isIP(host) === 0 && host.endsWith(`.${name}`)));
}

function isWithin(host: string, network: string, bits: number): boolean {
  return bits <= (isIP(network) === 4 ? 32 : 128) && addressesIn([[network, bits]])(host);
}
