import type { KafkaSettings } from '../kafka/settings.ts';
import { mayBeCleartext } from '../runtime/cleartext.ts';
import type { Secret } from '../runtime/secret.ts';
import type { TmdbSettings } from '../tmdb/settings.ts';

/** The settings to check. A group is absent if its own values have mistakes. */
interface Carriers {
  /** The names and addresses of ALLOW_CLEARTEXT_TO. */
  readonly allowed: readonly string[];
  readonly tmdb?: TmdbSettings | undefined;
  readonly kafka?: KafkaSettings | undefined;
  readonly tokenBucketUrl?: Secret | undefined;
  readonly proxies?: { readonly HTTPS_PROXY: Secret | undefined; readonly HTTP_PROXY: Secret | undefined } | undefined;
}

/**
 * Credentials that would cross a public network unencrypted, each with the variable that causes it. Snowflake's URL has a stricter rule
 * of its own.
 */
export function* cleartextMistakes(given: Carriers): Generator<readonly [variable: string, message: string]> {
  const refuse = (host: string): boolean => !mayBeCleartext(host, given.allowed);
  const message = (what: string, host: string, instead: string): string =>
    `${what} would go to ${host} unencrypted: ${instead}, or allow it with ALLOW_CLEARTEXT_TO=${host}`;
  const { tmdb, kafka } = given;
  if (tmdb && (tmdb.token || tmdb.apiKey)) {
    const { protocol, hostname } = new URL(tmdb.baseUrl);
    if (protocol === 'http:' && refuse(hostname)) {
      yield ['TMDB_BASE_URL', message('the token', hostname, 'use https')];
    }
  }
  const bucket = given.tokenBucketUrl && new URL(given.tokenBucketUrl.reveal());
  if (bucket?.protocol === 'redis:' && bucket.password !== '' && refuse(bucket.hostname)) {
    yield ['TOKEN_BUCKET_URL', message('the password', bucket.hostname, 'use rediss')];
  }
  for (const [name, url] of Object.entries(given.proxies ?? {})) {
    const proxy = url && new URL(url.reveal());
    if (proxy?.protocol === 'http:' && proxy.password !== '' && refuse(proxy.hostname)) {
      yield [name, message("the proxy's password", proxy.hostname, 'use a proxy with https')];
    }
  }
  // SCRAM does not send the password.
  const sendsPassword = kafka?.sasl?.mechanism === 'plain' && !kafka.ssl;
  const broker = sendsPassword ? kafka.brokers?.map(hostOf).find(refuse) : undefined;
  if (broker !== undefined) {
    yield ['KAFKA_SASL_MECHANISM', message('the password', broker, 'set KAFKA_SSL=true or use scram-sha-512')];
  }
}

/** The host of `host:port`; IPv6 addresses are in brackets. */
const hostOf = (address: string): string => /^(?:\[[^\]]*\]|[^:]*)/.exec(address)?.[0] ?? address;
