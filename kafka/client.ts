import { type LogEntry, logLevel, Kafka as PlainKafka, type SASLOptions } from 'kafkajs';
import { systemClock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { ProxySettings } from '../runtime/proxy.ts';
import type { Topics } from '../schemas/topics.ts';
import type { ClientCertificate, KafkaAccess, KafkaLogin } from './access.ts';
import { boundDecoding } from './batches/fetch-response.ts';
import type { Skip } from './batches/skip.ts';
import { patchKafkajs } from './kafkajs-patches.ts';
import { createTokenProvider } from './oauth-token.ts';
import { Reach } from './reach.ts';
import { openRegistry, type Registry } from './schema-registry/registry.ts';
import type { SchemaRegistryAccess } from './schema-registry/registry-client.ts';
import { WireFormat } from './schema-registry/wire-format.ts';
import { Seeds } from './seeds.ts';

/** A client of kafkajs, and the state that its users share. It never leaves this folder. */
export interface Kafka extends PlainKafka {
  /** The topics of this deployment. */
  readonly topics: Topics;
  readonly reach: Reach;
  readonly seeds: Seeds;
  readonly registry: Registry | null;
  readonly wire: WireFormat;
}

export interface KafkaOptions extends KafkaAccess {
  readonly ssl: boolean;
  /** With `ssl`, for brokers that identify clients by certificates. */
  readonly clientCertificate?: ClientCertificate | undefined;
  /** @default none: records are written in Avro's single-object encoding */
  readonly schemaRegistry?: SchemaRegistryAccess | null;
  /** For the token endpoint of an OAuth login and for the schema registry; brokers are reached directly. */
  readonly proxy?: ProxySettings | undefined;
  /** Asked at each new connection, for a broker that has another address and password after a restart. @default neither changes */
  readonly currentAccess?: () => KafkaAccess;
  /** How long (ms) a call may fail before it gives up; Infinity for a service, which waits. @default 20 s */
  readonly patienceMs?: number;
  /** Aborts when the process is to stop: calls then fail some seconds later. */
  readonly signal?: AbortSignal;
  /** A request without an answer within this time (ms) fails, and its connection closes. @default 30 s */
  readonly requestTimeoutMs?: number;
  /** The name of this client in the broker's log. */
  readonly clientId: string;
  readonly topics: Topics;
  /** Offsets that every reader of this process parks unprocessed. */
  readonly skips?: readonly Skip[];
  readonly log: Logger;
}

/** Creates a client, which connects nothing by itself. */
export function createKafka(options: KafkaOptions): Kafka {
  const { ssl, sasl, clientId, topics, log, patienceMs, signal, requestTimeoutMs = 30_000 } = options;
  const { currentAccess = () => options } = options;
  patchKafkajs();
  boundDecoding(options.skips);
  const waiting = { patienceMs, signal, clock: systemClock, random: Math.random, log };
  const reach = new Reach(waiting);
  const registry = options.schemaRegistry ? openRegistry(options.schemaRegistry, options.proxy, waiting) : null;
  const seeds = new Seeds(() => currentAccess().brokers);
  const settings = {
    brokers: () => seeds.addresses(),
    clientId,
    ...(ssl && { ssl: tlsOptions(options) }),
    ...(sasl && { sasl: saslOptions(sasl, () => currentAccess().sasl ?? sasl, options.proxy) }),
    connectionTimeout: 5_000,
    requestTimeout: requestTimeoutMs,
    logLevel: logLevel.INFO,
    logCreator: () => (entry: LogEntry) => write(log, reach, entry),
  };
  const kafka = new PlainKafka({ ...settings, retry: { ...clientRetry, retries: 3 } });
  const ofMembers = new PlainKafka({ ...settings, retry: { ...clientRetry, retries: 20 } });
  const wire = new WireFormat(topics, registry);
  return Object.assign(kafka, { topics, reach, seeds, registry, wire, consumer: ofMembers.consumer.bind(ofMembers) });
}

/**
 * 3 attempts take half a second: `Reach` makes further attempts, with a new client. 20 attempts take about 15 s, in which a
 * group gets another coordinator: a member that gives up earlier joins as a new member, and loses its records in flight.
 */
const clientRetry = { initialRetryTime: 100, multiplier: 1.5, maxRetryTime: 1_000 };

const tlsOptions = ({ clientCertificate }: KafkaOptions) =>
  clientCertificate ? { cert: clientCertificate.cert, key: clientCertificate.key.reveal() } : true;

/** kafkajs reads user and password at each login. */
function saslOptions(first: KafkaLogin, current: () => KafkaLogin, proxy: ProxySettings | undefined): SASLOptions {
  const { mechanism } = first;
  if (mechanism === 'oauthbearer') return { mechanism, oauthBearerProvider: createTokenProvider(first, { proxy }) };
  const login = () => {
    const now = current();
    return now.mechanism === 'oauthbearer' ? first : now;
  };
  return {
    mechanism,
    get username() {
      return login().username;
    },
    get password() {
      return login().password.reveal();
    },
  } as SASLOptions;
}

/**
 * Logs at `debug`, because kafkajs logs an error for each attempt, hundreds in an outage. Errors that matter reach the caller, and
 * `Reach` logs the begin and the end of an outage.
 */
function write(log: Logger, reach: Reach, { level, namespace, log: { message, ...details } }: LogEntry): void {
  const { timestamp: _, logger: __, stack: ___, ...fields } = details as Record<string, unknown>;
  if (level <= logLevel.ERROR && /^Connection (error|timeout)/.test(message)) reach.noteConnectionError(message);
  log.debug({ kafkajs: namespace, ...fields }, message);
}
