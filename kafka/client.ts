import { type LogEntry, logLevel, Kafka as PlainKafka, type SASLOptions } from 'kafkajs';
import { systemClock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Secret } from '../runtime/secret.ts';
import type { Topics } from '../schemas/topics.ts';
import { boundDecoding } from './batches/fetch-response.ts';
import type { Skip } from './batches/skip.ts';
import { patchKafkajs } from './kafkajs-internals.ts';
import { Reach } from './reach.ts';
import { Seeds } from './seeds.ts';

/** A client of kafkajs, and the state that its users share. It never leaves this folder. */
export interface Kafka extends PlainKafka {
  /** The topics of this deployment. */
  readonly topics: Topics;
  readonly reach: Reach;
  readonly seeds: Seeds;
}

export interface KafkaOptions {
  /** `host:port` of some brokers; they name the others. */
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  readonly sasl:
    | { readonly mechanism: SASLOptions['mechanism']; readonly username: string; readonly password: Secret }
    | undefined;
  /** How long (ms) a call may fail before it gives up; Infinity for a service, which waits. Standard: 20 s. */
  readonly patienceMs?: number;
  /** Aborts when we are to stop: then nothing is waited for much longer. */
  readonly signal?: AbortSignal;
  /** A request without an answer for so long has failed, and its connection with it. Standard: 30 s. */
  readonly requestTimeoutMs?: number;
  /** Who we are in the broker's log. */
  readonly clientId: string;
  readonly topics: Topics;
  /** Offsets that every reader of this process parks unseen. */
  readonly skips?: readonly Skip[];
  readonly log: Logger;
}

/** A client; nothing is connected before something is made of it. */
export function createKafka(options: KafkaOptions): Kafka {
  const { brokers, ssl, sasl, clientId, topics, log, patienceMs, signal, requestTimeoutMs = 30_000 } = options;
  patchKafkajs();
  boundDecoding(options.skips);
  const reach = new Reach({ patienceMs, signal, clock: systemClock, random: Math.random, log });
  const seeds = new Seeds(brokers);
  const settings = {
    brokers: () => seeds.addresses(),
    clientId,
    ...(ssl && { ssl: true }),
    ...(sasl && { sasl: saslOptions(sasl) }),
    connectionTimeout: 5_000,
    requestTimeout: requestTimeoutMs,
    logLevel: logLevel.INFO,
    logCreator: () => (entry: LogEntry) => write(log, reach, entry),
  };
  const kafka = new PlainKafka({ ...settings, retry: { ...clientRetry, retries: 3 } });
  const ofMembers = new PlainKafka({ ...settings, retry: { ...clientRetry, retries: 20 } });
  return Object.assign(kafka, { topics, reach, seeds, consumer: ofMembers.consumer.bind(ofMembers) });
}

/**
 * 3 attempts take half a second: `Reach` makes the others, with a new client, and has to know soon. 20 take some 15 s, in which
 * a group gets another coordinator: a member that gives up earlier joins again as another one, and loses what it has in hand.
 */
const clientRetry = { initialRetryTime: 100, multiplier: 1.5, maxRetryTime: 1_000 };

const saslOptions = ({ mechanism, username, password }: NonNullable<KafkaOptions['sasl']>): SASLOptions =>
  ({ mechanism, username, password: password.reveal() }) as SASLOptions;

/**
 * kafkajs calls an error what it then tries again, hundreds of times in an outage. What counts reaches our caller as an error,
 * and `Reach` logs when an outage begins and ends; here is only the story behind it.
 */
function write(log: Logger, reach: Reach, { level, namespace, log: { message, ...details } }: LogEntry): void {
  const { timestamp: _, logger: __, stack: ___, ...fields } = details as Record<string, unknown>;
  if (level <= logLevel.ERROR && /^Connection (error|timeout)/.test(message)) reach.noteConnectionError(message);
  log.debug({ kafkajs: namespace, ...fields }, message);
}
