import { BlockList, isIP } from 'node:net';
import { Secret } from './secret.ts';

/** Addresses that only this machine or a private network can reach: RFC 1918, 6598, 3927, 4193, 4291. */
const privateAddresses = new BlockList();
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
] as const) {
  privateAddresses.addSubnet(network, prefix, 'ipv4');
}
privateAddresses.addAddress('::1', 'ipv6');
privateAddresses.addSubnet('fc00::', 7, 'ipv6');
privateAddresses.addSubnet('fe80::', 10, 'ipv6');

/** Names that no public resolver answers. A name without a dot belongs to this network, such as a service of a compose file. */
const privateName = /^[^.]+$|\.(?:localhost|local|internal|home\.arpa)$/;

/**
 * Whether credentials for this host may be sent unencrypted: it is loopback, in a private network, or allowed by name.
 * @param host a name, or an address, with or without IPv6's brackets. @param allowed names or addresses.
 */
export function mayBeCleartext(host: string, allowed: readonly string[]): boolean {
  const bare = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  if (allowed.some((name) => name.toLowerCase() === bare)) return true;
  const version = isIP(bare);
  if (version === 0) return privateName.test(bare);
  return privateAddresses.check(bare, version === 4 ? 'ipv4' : 'ipv6');
}

/** The settings that name a server and what is sent to it. */
interface Settings {
  readonly ALLOW_CLEARTEXT_TO: readonly string[];
  readonly TMDB_BASE_URL?: string | undefined;
  readonly TMDB_TOKEN?: Secret | undefined;
  readonly TMDB_API_KEY?: Secret | undefined;
  readonly TOKEN_BUCKET_URL?: Secret | undefined;
  readonly KAFKA_BROKERS?: readonly string[] | undefined;
  readonly KAFKA_SSL: boolean;
  readonly KAFKA_SASL_MECHANISM: string;
  readonly KAFKA_PASSWORD?: Secret | undefined;
  readonly HTTPS_PROXY?: Secret | undefined;
  readonly HTTP_PROXY?: Secret | undefined;
}

/** Credentials that would cross a public network unencrypted, each with the setting that causes it. Snowflake's URL has its own rule. */
export function* cleartextMistakes(env: Settings): Generator<readonly [setting: string, message: string]> {
  const refuse = (host: string): boolean => !mayBeCleartext(host, env.ALLOW_CLEARTEXT_TO);
  const message = (what: string, host: string, instead: string): string =>
    `${what} would go to ${host} unencrypted: ${instead}, or allow it with ALLOW_CLEARTEXT_TO=${host}`;
  const tmdb = new URL(env.TMDB_BASE_URL ?? 'https://api.themoviedb.org');
  if (tmdb.protocol === 'http:' && (env.TMDB_TOKEN || env.TMDB_API_KEY) && refuse(tmdb.hostname)) {
    yield ['TMDB_BASE_URL', message('the token', tmdb.hostname, 'use https')];
  }
  // Another check may already have found the URL invalid.
  const bucket = env.TOKEN_BUCKET_URL instanceof Secret ? new URL(env.TOKEN_BUCKET_URL.reveal()) : undefined;
  if (bucket?.protocol === 'redis:' && bucket.password !== '' && refuse(bucket.hostname)) {
    yield ['TOKEN_BUCKET_URL', message('the password', bucket.hostname, 'use rediss')];
  }
  for (const name of ['HTTPS_PROXY', 'HTTP_PROXY'] as const) {
    const proxy = env[name] instanceof Secret ? new URL(env[name].reveal()) : undefined;
    if (proxy?.protocol === 'http:' && proxy.password !== '' && refuse(proxy.hostname)) {
      yield [name, message("the proxy's password", proxy.hostname, 'use a proxy with https')];
    }
  }
  // SCRAM does not send the password.
  const sendsPassword = env.KAFKA_PASSWORD && env.KAFKA_SASL_MECHANISM === 'plain' && !env.KAFKA_SSL;
  const broker = sendsPassword ? env.KAFKA_BROKERS?.map(hostOf).find(refuse) : undefined;
  if (broker !== undefined) {
    yield ['KAFKA_SASL_MECHANISM', message('the password', broker, 'set KAFKA_SSL=true or use scram-sha-512')];
  }
}

/** The host of `host:port`; IPv6 addresses are in brackets. */
const hostOf = (address: string): string => /^(?:\[[^\]]*\]|[^:]*)/.exec(address)?.[0] ?? address;
