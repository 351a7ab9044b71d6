import { setTimeout as delay } from 'node:timers/promises';
import { AdminConnection } from '../kafka/admin-connection.ts';
import type { Kafka } from '../kafka/client.ts';
import type { Health } from '../runtime/health.ts';

const everyMs = 1_000;

/**
 * Asks Kafka every second whether it is there, so that a service which has nothing to do with it for hours knows as well. While
 * Kafka is out of reach, no part of the process counts as stalled: it waits. Ends when it is disposed of.
 */
export function watchKafka(kafka: Kafka, health: Health): AsyncDisposable {
  const connection = new AdminConnection(kafka);
  const over = new AbortController();
  const excusing = setInterval(() => {
    if (kafka.reach.reason !== null) health.excuse();
  }, everyMs).unref();
  void look(kafka, connection, over.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      over.abort();
      clearInterval(excusing);
      await connection[Symbol.asyncDispose]();
    },
  };
}

async function look(kafka: Kafka, connection: AdminConnection, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    // What ends it for good ends the parts that work as well, and they say so.
    await connection.askWhere(kafka.seeds).catch(() => {});
    await delay(everyMs, undefined, { signal: over, ref: false }).catch(() => {});
  }
}
