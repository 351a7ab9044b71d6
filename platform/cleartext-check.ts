import type { SchemaRegistrySettings } from '../kafka/schema-registry/settings.ts';
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
  readonly schemaRegistry?: SchemaRegistrySettings | undefined;
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
  const registry = given.schemaRegistry?.login ? new URL(given.schemaRegistry.url) : undefined;
  if (registry?.protocol === 'http:' && refuse(registry.hostname)) {
    yield ['SCHEMA_REGISTRY_URL', message('the password', registry.hostname, 'use https')];
  }
  if (kafka) yield* ofKafka(kafka, refuse, message);
}

/** SCRAM does not send the password. */
function* ofKafka(
  { sasl, ssl, brokers }: KafkaSettings,
  refuse: (host: string) => boolean,
  message: (what: string, host: string, instead: string) => string,
): Generator<readonly [variable: string, message: string]> {
  const sent = { plain: 'the password', oauthbearer: 'the token', 'scram-sha-256': null, 'scram-sha-512': null };
  const what = sasl && !ssl ? sent[sasl.mechanism] : null;
  const broker = what === null ? undefined : brokers?.map(hostOf).find(refuse);
  if (what !== null && broker !== undefined) {
    yield ['KAFKA_SASL_MECHANISM', message(what, broker, 'set KAFKA_SSL=true or use scram-sha-512')];
  }
  const tokenUrl = sasl?.mechanism === 'oauthbearer' ? new URL(sasl.tokenUrl) : null;
  if (tokenUrl?.protocol === 'http:' && refuse(tokenUrl.hostname)) {
    yield ['KAFKA_OAUTH_TOKEN_URL', message('the client secret', tokenUrl.hostname, 'use https')];
  }
}

/** The host of `host:port`; IPv6 addresses are in brackets. */
const hostOf = (address: string): string => /^(?:\[[^\]]*\]|[^:]*)/.exec(address)?.[0] ?? address;
