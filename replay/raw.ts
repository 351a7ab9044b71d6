import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Flush, runLoader } from '../consumers/loader.ts';
import { parkRefused } from '../consumers/park-refused.ts';
import { sharedTopics } from '../consumers/shared-topics.ts';
import type { Gap } from '../kafka/gap.ts';
import type { ConsumerRecord, Offsets, Sink } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { warehouseAccess } from '../platform/warehouse.ts';
import { systemClock } from '../runtime/clock.ts';
import { UsageError } from '../runtime/errors.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { DeadLetter } from '../schemas/records.ts';
import type { Topic } from '../schemas/topics.ts';
import { refuseFormerTopic } from '../warehouse/adoption.ts';
import { type PartitionRange, swapReportShape, type TopicId, type Warehouse } from '../warehouse/warehouse.ts';
import { boundedSource } from './bounded-source.ts';
import { storedPositions } from './loaded-rows.ts';
import { nameOfBackfill } from './names.ts';
import { isOfSelectedMovie, rangesOf, type Selection, smallest } from './selection.ts';

export interface ReplayRawOptions {
  readonly selection: Selection;
  /** The selection as on the command line: the same selection resumes its replay. */
  readonly selectionText: string;
  /** Whether to start from scratch instead of resuming. */
  readonly restart: boolean;
  /** Only plans. */
  readonly isDryRun: boolean;
  /** Accepted gaps in the raw topics. @default none */
  readonly acceptedGaps?: readonly Gap[];
}

/** The (planned) result of a replay of raw records. */
export const rawReplayedShape = z.object({
  isDryRun: z.boolean().describe('whether nothing was written'),
  records: count.describe('records that were read, or would be; this needs neither TMDb nor tokens'),
  apiCalls: z.literal(0).describe('requests to TMDb'),
  seconds: z.number().describe('duration'),
  fillSeconds: z.number().describe('duration of reading and appending, joining the group included'),
  swapSeconds: z.number().describe('duration of comparing a rebuild and of replacing the live tables'),
  added: count.nullable().describe('rows that BRONZE lacked; null for a rebuild and for a dry run'),
  unreadable: count.describe('records without a row: they are in dead letters, and are not parked again'),
  swap: swapReportShape.nullable().describe('what a rebuild replaced; null without --rebuild'),
});
export type RawReplayed = ValueOf<typeof rawReplayedShape>;

/**
 * Builds a second BRONZE from both raw topics while loaders write to the live one, then replaces the live one. If the present rules refuse a
 * record that was loaded, the record is parked and its row dropped. An interrupted rebuild resumes in the next call. @throws RebuildError, GapError, KafkaError, WarehouseUnavailableError, the signal's reason.
 */
export async function rebuildBronze(
  platform: Platform,
  context: Context,
  { restart, isDryRun, acceptedGaps = [] }: Omit<ReplayRawOptions, 'selection' | 'selectionText'>,
): Promise<RawReplayed> {
  const started = systemClock.monotonic();
  const { rawMovies, rawGenres } = context.config.kafka.topics;
  const rawTopics = [rawMovies, rawGenres];
  const whole = await loadedRanges(platform, context, rawTopics);
  if (isDryRun) return planOf(whole, isDryRun);
  await using rebuild = await warehouseAccess(context).openRebuild();
  if (restart) await rebuild.discard();
  await rebuild.migrate();
  const filled = new Map<string, ReadonlyMap<number, bigint>>();
  for (const { partition } of whole) filled.set(partition.topic, await rebuild.positions(partition));
  const ranges = whole.map((range) => {
    return { ...range, from: filled.get(range.partition.topic)?.get(range.partition.partition) ?? range.from };
  });
  const filling = systemClock.monotonic();
  const { unreadable } = await fill(platform, context, rebuild, { ranges, rawTopics, acceptedGaps });
  const fillSeconds = secondsSince(filling);
  context.progress.note('rebuilt  comparing it with the live BRONZE');
  const refused = await parkRefused(platform, await rebuild.missing());
  const swapping = systemClock.monotonic();
  const swap = await rebuild.promote(refused);
  const [swapSeconds, seconds] = [secondsSince(swapping), secondsSince(started)];
  return { ...planOf(ranges), unreadable, swap, seconds, fillSeconds, swapSeconds };
}

/**
 * Reads the selected records again and adds the missing ones to BRONZE, up to its loader's position. After a kill,
 * the same selection resumes. @throws UsageError if it began on another topic, GapError, KafkaError, WarehouseUnavailableError, the signal's reason.
 */
export async function extendBronze(
  platform: Platform,
  context: Context,
  { selection, selectionText, restart, isDryRun, acceptedGaps = [] }: ReplayRawOptions,
): Promise<RawReplayed> {
  const started = systemClock.monotonic();
  const { cluster, clusterId } = await platform.kafka();
  const { rawMovies } = cluster.topics;
  const selected = await rangesOf(cluster.admin, rawMovies.name, selection);
  const wanted = (await loadedRanges(platform, context, [rawMovies])).map(({ partition, end: live }) => {
    const { from, end } = selected.get(partition.partition) ?? { from: live, end: live };
    return { partition, from: smallest(from, live), end: smallest(end, live) };
  });
  if (isDryRun) return planOf(wanted, isDryRun);
  const name = nameOfBackfill(rawMovies.name, selectionText);
  await using backfill = await warehouseAccess(context).openBackfill(name);
  await backfill.migrate();
  if (restart) await backfill.finish();
  const ranges = await backfill.begin(wanted);
  refuseOtherTopics(ranges, { clusterId, topic: rawMovies.name, topicId: await cluster.admin.topicId(rawMovies.name) });
  // A range by time also contains other records; adding their missing rows is harmless. Their times must not be compared again:
  // a replay that resumes keeps its ranges, while an age such as `--since 7d` has become a later time.
  const isWanted = (record: ConsumerRecord) => isOfSelectedMovie(selection, record);
  const filling = systemClock.monotonic();
  const reading = { ranges, rawTopics: [rawMovies], acceptedGaps, isWanted };
  const { added, unreadable } = await fill(platform, context, backfill, reading);
  const fillSeconds = secondsSince(filling);
  await backfill.finish();
  return { ...planOf(ranges), added, unreadable, seconds: secondsSince(started), fillSeconds };
}

/** The offsets of another topic say nothing about this one: the replay would wait for records that never come. */
function refuseOtherTopics(ranges: readonly PartitionRange[], present: TopicId): void {
  const other = ranges.find(
    ({ partition: { clusterId, topic, topicId } }) =>
      topic !== present.topic || topicId !== present.topicId || clusterId !== present.clusterId,
  );
  if (!other) return;
  throw new UsageError(
    `a replay of ${other.partition.topic} with this selection is not finished. It began under another KAFKA_TOPIC_PREFIX, or before ` +
      'the topic or the cluster was created again: add --restart to discard it',
  );
}

/** The positions of live BRONZE, limited to what the topics still have. @throws UsageError if there is no BRONZE. */
async function loadedRanges(
  platform: Platform,
  context: Context,
  rawTopics: readonly Topic[],
): Promise<PartitionRange[]> {
  const system = warehouseAccess(context);
  if (!system.exists()) throw new UsageError(`${system.name} does not exist: "load --once" fills a new one from Kafka`);
  const { cluster, clusterId } = await platform.kafka();
  const { admin } = cluster;
  // Not as a loader, which would change tables of an older version: a dry run changes nothing.
  await using reader = await system.openReader();
  const ranges: PartitionRange[] = [];
  for (const { name: topic } of rawTopics) {
    const id = { clusterId, topic, topicId: await admin.topicId(topic) };
    const { low } = await admin.topicOffsets(topic);
    const positions = refuseFormerTopic(id, await storedPositions((sql) => reader.query(sql), id));
    for (const [partition, end] of positions) {
      ranges.push({ partition: { ...id, partition }, from: smallest(low.get(partition) ?? 0n, end), end });
    }
  }
  return ranges;
}

const secondsSince = (monotonicMs: number): number => (systemClock.monotonic() - monotonicMs) / 1_000;

const lengthOf = (ranges: readonly PartitionRange[]): number =>
  ranges.reduce((sum, { from, end }) => sum + (end > from ? Number(end - from) : 0), 0);

const planOf = (ranges: readonly PartitionRange[], isDryRun = false): RawReplayed => {
  return {
    isDryRun,
    records: lengthOf(ranges),
    apiCalls: 0,
    seconds: 0,
    fillSeconds: 0,
    swapSeconds: 0,
    added: null,
    unreadable: 0,
    swap: null,
  };
};

interface Fill {
  readonly ranges: readonly PartitionRange[];
  readonly rawTopics: readonly Topic[];
  readonly acceptedGaps: readonly Gap[];
  readonly isWanted?: (record: ConsumerRecord) => boolean;
}

/**
 * Runs the loader's own stage, from the warehouse's positions to the ends of the ranges. @returns the rows that it added, and the records
 * that it could not read.
 */
async function fill(
  platform: Platform,
  context: Context,
  warehouse: Warehouse,
  fill: Fill,
): Promise<{ readonly added: number; readonly unreadable: number }> {
  const { ranges, rawTopics, acceptedGaps, isWanted } = fill;
  if (lengthOf(ranges) === 0) return { added: 0, unreadable: 0 };
  const { config, log, signal } = context;
  const { cluster, clusterId } = await platform.kafka();
  const ends = endsOf(ranges);
  const group = `${config.kafka.groups.replayRaw}-${randomUUID()}`;
  const source = cluster.partitionSource(rawTopics, { group, acceptedGaps });
  const parked = new CountingSink();
  let added = 0;
  const ports = {
    source: boundedSource(source, ends, isWanted),
    warehouse: withProgress(warehouse, context, lengthOf(ranges)),
    clusterId,
    topics: cluster.topics,
    deadLetters: parked,
    clock: systemClock,
    random: Math.random,
    log,
    onLoaded: ({ rows }: Flush) => {
      added += rows;
    },
    shared: sharedTopics(cluster.admin, { group, target: warehouseAccess(context).name }),
  };
  await runLoader(ports, { limits: config.load, signal, until: Promise.resolve(ends) });
  await cluster.admin.deleteGroup(group);
  signal.throwIfAborted();
  return { added, unreadable: parked.count };
}

function endsOf(ranges: readonly PartitionRange[]): Map<string, Offsets> {
  const ends = new Map<string, Map<number, bigint>>();
  for (const { partition, from, end } of ranges) {
    if (from >= end) continue;
    const ofTopic = ends.get(partition.topic) ?? new Map<number, bigint>();
    ends.set(partition.topic, ofTopic.set(partition.partition, end));
  }
  return ends;
}

function withProgress(warehouse: Warehouse, { progress }: Context, total: number): Warehouse {
  let done = 0;
  return {
    migrate: () => warehouse.migrate(),
    positions: (topic) => warehouse.positions(topic),
    append: async (batches) => {
      const rows = await warehouse.append(batches);
      done += batches.reduce((sum, { firstOffset, nextOffset }) => sum + Number(nextOffset - firstOffset), 0);
      progress.update('replay', { done, total, unit: 'records' });
      return rows;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Everything below the live position is in BRONZE or parked already. */
class CountingSink implements Sink<DeadLetter> {
  count = 0;

  async publish(records: readonly unknown[]): Promise<void> {
    this.count += records.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
