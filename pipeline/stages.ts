import { z } from 'zod';
import { type Flush, runLoader } from '../consumers/loader.ts';
import { sharedTopics } from '../consumers/shared-topics.ts';
import type { Gap } from '../kafka/gap.ts';
import type { Offsets } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { systemClock } from '../runtime/clock.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';
import type { Topic } from '../schemas/topics.ts';
import type { WarehouseAccess } from '../warehouse/system.ts';
import { type Warehouse, WarehouseUnavailableError } from '../warehouse/warehouse.ts';
import { groupObserver } from './group-observer.ts';
import { takeOver } from './older-version.ts';
import { tellWaits } from './waiting.ts';

/** The number of records that were loaded into BRONZE, and that were parked. */
export const loadedShape = z.object({
  rows: count.describe('rows added to BRONZE'),
  parked: count.describe('records that went to dead letters'),
});
export type Loaded = ValueOf<typeof loadedShape>;

export interface LoadOptions {
  /** Exclusive ends; without them, it loads until the signal aborts. */
  readonly until?: Promise<ReadonlyMap<string, Offsets>>;
  /** Accepted gaps. */
  readonly acceptedGaps?: readonly Gap[];
}

/** Loads BRONZE. @throws GapError if Kafka no longer has records that were never loaded. */
export async function loadBronze(
  platform: Platform,
  context: Context,
  { until, acceptedGaps = [] }: LoadOptions = {},
): Promise<Loaded> {
  const { config, log, signal } = context;
  const { cluster, deadLetters, clusterId } = await platform.kafka();
  const { topics, groups } = config.kafka;
  const counts = { rows: 0, parked: 0 };
  await takeOver(context, cluster.admin, 'loader', [topics.rawMovies, topics.rawGenres]);
  if (signal.aborted) return counts;
  // Before the observer: if the warehouse is not ready for two reasons, /readyz gives the first, and the holder is more useful.
  const system = warehouseAccess(context);
  const observer = loadObserver(context, counts);
  await using warehouse = await openLoader(system, context, until === undefined);
  await warehouse.migrate();
  observer.onAvailable(true);
  const source = cluster.partitionSource([topics.rawMovies, topics.rawGenres], {
    acceptedGaps,
    target: system.name,
    ...groupObserver(context, 'loader'),
  });
  const ports = {
    source,
    warehouse,
    clusterId,
    topics,
    deadLetters,
    clock: systemClock,
    random: Math.random,
    log,
    shared: sharedTopics(cluster.admin, {
      group: groups.loader,
      target: system.name,
      onWaiting: tellWaits(context, 'load'),
    }),
    ...observer,
  };
  await runLoader(ports, { limits: config.load, signal, ...(until && { until }) });
  return counts;
}

/** A service waits without limit until it can open the warehouse; the watch of the DuckDB file names the holder. */
async function openLoader(system: WarehouseAccess, { signal }: Context, isService: boolean): Promise<Warehouse> {
  for (;;) {
    try {
      return await system.openLoader();
    } catch (error) {
      if (!(isService && error instanceof WarehouseUnavailableError)) throw error;
      await systemClock.sleep(1_000, signal);
    }
  }
}

/** Counts the loader's events for the report and for Prometheus. */
function loadObserver({ progress, metrics, health }: Context, loaded: { rows: number; parked: number }) {
  let isAvailable = false;
  health.dependsOn('warehouse', async () => {
    if (!isAvailable) throw new Error('the warehouse accepts no batches now');
  });
  return {
    onLoaded: ({ rows, partitions, ms }: Flush) => {
      loaded.rows += rows;
      progress.update('load', { done: loaded.rows, unit: 'rows' });
      metrics.bronzeRows.inc(rows);
      metrics.bronzeBatches.inc(partitions);
      metrics.flushSeconds.observe(ms / 1_000);
      metrics.layerMovedAt.set({ layer: 'bronze' }, systemClock.now() / 1_000);
    },
    onParked: (records: number, reason: DeadLetterReason) => {
      loaded.parked += records;
      metrics.deadLetters.inc({ reason }, records);
    },
    onBuffered: (bytes: number) => metrics.bufferBytes.set(bytes),
    onAvailable: (isSo: boolean) => {
      isAvailable = isSo;
    },
  };
}

/**
 * The present ends, for stages that end there. They include partitions without records: of these, the ledger may lack records that
 * Kafka no longer has, and the loader must stop at such a gap.
 */
export async function endsOf(platform: Platform, topics: readonly Topic[]): Promise<Map<string, Offsets>> {
  const { admin } = (await platform.kafka()).cluster;
  const ends = new Map<string, Offsets>();
  for (const { name: topic } of topics) {
    ends.set(topic, (await admin.topicOffsets(topic)).high);
  }
  return ends;
}
