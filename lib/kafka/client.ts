import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { Kafka, logLevel, type SASLOptions } from 'kafkajs';
import type { Logger } from '../logger.ts';
import type { Secret } from '../secret.ts';
import { boundDecoding } from './batches/kafkajs-decoder.ts';
import type { Skip } from './batches/skip.ts';

export type { Kafka } from 'kafkajs';

export interface KafkaOptions {
  /** `host:port` of some brokers; they name the others. */
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  readonly sasl:
    | { readonly mechanism: SASLOptions['mechanism']; readonly username: string; readonly password: Secret }
    | undefined;
  /** How often a request is tried again before it fails. Standard: 24 times in some 20 s. */
  readonly retries?: number;
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
  const { brokers, ssl, sasl, clientId, log, retries, requestTimeoutMs = 30_000 } = options;
  stopIdlePolling();
  giveUpSilentConnections();
  boundDecoding(options.skips);
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(ssl && { ssl: true }),
    ...(sasl && { sasl: saslOptions(sasl) }),
    connectionTimeout: 5_000,
    requestTimeout: requestTimeoutMs,
    retry: { ...clientRetry, ...(retries !== undefined && { retries }) },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => write(log, entry.level, entry.log.message, { kafkajs: entry.namespace, ...entry.log }),
  });
}

/**
 * Enough for a broker that restarts; longer outages are for the stage to wait out. Small steps,
 * because a new cluster makes its groups' coordinator only when asked for it, which takes a second.
 */
const clientRetry = { retries: 24, initialRetryTime: 100, multiplier: 1.5, maxRetryTime: 1_000 };

const saslOptions = ({ mechanism, username, password }: NonNullable<KafkaOptions['sasl']>): SASLOptions =>
  ({ mechanism, username, password: password.reveal() }) as SASLOptions;

/**
 * kafkajs calls an error what it then tries again, and a warning every rebalance. What counts reaches our
 * caller as an error and is logged there; here is only the story behind it.
 */
function write(log: Logger, level: logLevel, message: string, details: object): void {
  const { timestamp: _, message: __, logger: ___, stack: ____, ...fields } = details as Record<string, unknown>;
  // What a broker answers with an error is tried again or thrown; a new cluster does it at each first start.
  if (message.startsWith('Response ')) log.debug(fields, message);
  else if (level <= logLevel.ERROR) log.info(fields, message);
  else log.debug(fields, message);
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
