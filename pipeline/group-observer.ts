import type { Context } from '../platform/context.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { serviceNames } from '../runtime/service-names.ts';

/** Without a heartbeat and a fetch for this time (ms), a consumer counts as dead, whatever its client reports. */
const consumerSilenceMs = 90_000;

/** Longer (ms) than any wait within one record or batch for the end of an outage of TMDb, or for a lock. */
const patienceMs = 5 * 60_000;

/** The pulse of each consumer in `/healthz`. */
const pulses = {
  fetcher: serviceNames.fetcher,
  fetcherBackfill: `${serviceNames.fetcher}-backfill`,
  loader: serviceNames.loader,
} as const;

/** How a stage reads as a group member, and its pulses. A consumer that is alive but makes no progress does not beat its pulse either. */
export const groupObserver = (context: Context, consumer: keyof typeof pulses) => ({
  group: context.config.kafka.groups[consumer],
  stallMs: Math.max(context.config.tmdb.giveUpAfterMs, 2 * warehouseAccess(context).patienceMs) + patienceMs,
  sessionTimeoutMs: context.config.kafka.sessionTimeoutMs,
  onAlive: context.health.pulse(pulses[consumer], consumerSilenceMs),
  onRebalanced: () => context.metrics.rebalances.inc({ group: context.config.kafka.groups[consumer] }),
});
