import { setTimeout as delay } from 'node:timers/promises';
import type { OpenKafkaCluster } from '../kafka/cluster.ts';
import type { Health } from '../runtime/health.ts';

const everyMs = 1_000;

/**
 * Checks every second that Kafka answers, so that a service that does not use Kafka for hours still notices an outage. During an
 * outage, no part of the process counts as stalled, because all of them wait for Kafka. Ends when it is disposed of.
 */
export function watchKafka(cluster: OpenKafkaCluster, health: Health): Disposable {
  const closed = new AbortController();
  const excusing = setInterval(() => {
    if (cluster.outage !== null) health.excuse();
  }, everyMs).unref();
  void probe(cluster, closed.signal);
  return {
    [Symbol.dispose]: () => {
      closed.abort();
      clearInterval(excusing);
    },
  };
}

async function probe(cluster: OpenKafkaCluster, closed: AbortSignal): Promise<void> {
  while (!closed.aborted) {
    // A final error also ends the working parts of the process, which report it.
    await cluster.probe().catch(() => {});
    await delay(everyMs, undefined, { signal: closed, ref: false }).catch(() => {});
  }
}
