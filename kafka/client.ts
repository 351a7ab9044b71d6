import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type LogEntry, logLevel, Kafka as PlainKafka, type SASLOptions } from 'kafkajs';
import { systemClock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Secret } from '../runtime/secret.ts';
import { boundDecoding } from './batches/kafkajs-decoder.ts';
import type { Skip } from './batches/skip.ts';
import { loseCoordinatorWithItsConnection } from './lost-coordinator.ts';
import { Reach } from './reach.ts';
import { Seeds } from './seeds.ts';

/** A client of kafkajs, and what its users share: whether Kafka is in reach, and where its brokers are. */
export interface Kafka extends PlainKafka {
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
  /** Offsets that every reader of this process parks unseen. */
  readonly skips?: readonly Skip[];
  readonly log: Logger;
}

/** A client; nothing is connected before something is made of it. */
export function createKafka(options: KafkaOptions): Kafka {
  const { brokers, ssl, sasl, clientId, log, patienceMs, signal, requestTimeoutMs = 30_000 } = options;
  stopIdlePolling();
  giveUpSilentConnections();
  loseCoordinatorWithItsConnection();
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
  return Object.assign(kafka, { reach, seeds, consumer: ofMembers.consumer.bind(ofMembers) });
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

interface RequestQueue {
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

/**
 * kafkajs 2.2.4 looks every millisecond whether requests wait, even when none do, with a negative timeout that Node 24
 * warns of (kafkajs #1751, #1704, open). Here it looks only while there are some: no warning, and an idle consumer
 * costs next to nothing.
 */
function stopIdlePolling(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  const schedule = originals.get(prototype) ?? prototype.scheduleCheckPendingRequests;
  originals.set(prototype, schedule);
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}

const originals = new WeakMap<RequestQueue, () => void>();

interface Connection {
  readonly socket: Socket | null;
  send(request: object): Promise<unknown>;
}

/**
 * kafkajs 2.2.4 keeps a connection on which a request got no answer in time, and sends the next attempt over it. If the other
 * end went away without a word (a host without power, a firewall that forgot) nothing ever comes back, and our retries and
 * heartbeats go there for a quarter of an hour. Here, as in Kafka's own client, the connection fails with the request and the
 * next attempt makes a new one.
 */
function giveUpSilentConnections(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/network/connection') as { prototype: Connection };
  if (patched.has(prototype)) return;
  patched.add(prototype);
  const { send } = prototype;
  prototype.send = async function (this: Connection, request) {
    try {
      return await send.call(this, request);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'KafkaJSRequestTimeoutError') throw error;
      this.socket?.destroy(error);
      // Until the socket has told it that it is gone, this connection would take the next attempt as well.
      await setImmediate();
      throw error;
    }
  };
}

const patched = new WeakSet<Connection>();
