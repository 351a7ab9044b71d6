import { z } from 'zod';
import type { KafkaCluster } from '../kafka/cluster.ts';
import type { TopicOffsets } from '../kafka/cluster-admin.ts';
import type { Commit } from '../kafka/commit.ts';
import { GroupInUseError } from '../kafka/errors.ts';
import { commitsWithFormer, membersIfVisible, type RenamedGroup } from '../kafka/former-group.ts';
import type { ConsumerRecord, Offsets } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import { decodeOrNull } from '../schemas/codec.ts';
import { movieIdCodec } from '../schemas/codecs.ts';
import type { MovieId } from '../schemas/records.ts';
import type { Topic } from '../schemas/topics.ts';
import { largest, smallest } from './selection.ts';

const partitionShape = z.object({
  partition: z.int().describe('number of a partition of the ids topic'),
  from: count.describe('committed offset before: the first one that waits'),
  to: count.describe('committed offset after'),
  ids: count.describe('ids between both offsets'),
});
type DiscardedPartition = ValueOf<typeof partitionShape>;

/** The (planned) result of `ids discard`. */
export const idsDiscardedShape = z.object({
  isDryRun: z.boolean().describe('whether this is only a plan'),
  ids: count.describe('ids that wait and are not fetched; a movie may have several'),
  movies: count.describe('movies of these ids'),
  unreadable: count.describe('other records among them, which the fetcher would have parked'),
  partitions: z.array(partitionShape).describe('partitions whose committed offset moves'),
  members: z.array(z.string()).describe('processes that read ids now; while there are any, nothing can be discarded'),
  fetchAgain: z
    .string()
    .nullable()
    .describe("the command that fetches these movies again, without the program's name; null if there are none"),
});
export type IdsDiscarded = ValueOf<typeof idsDiscardedShape>;

export interface DiscardOptions {
  /** Milliseconds since the epoch: only ids that were published before; absent: all that wait now. */
  readonly before?: number;
  /** Whether the ids of the backfill are discarded instead of the others. */
  readonly isBackfill: boolean;
  readonly isDryRun: boolean;
}

/** A partition of the topic, with the committed offsets before and after. */
interface Move {
  readonly from: Commit;
  readonly to: Commit;
}

/**
 * Moves the committed offsets of the fetcher past ids that wait. The ids stay in the topic; nothing else changes.
 * @throws GroupInUseError if a process reads ids, KafkaError, or the signal's reason.
 */
export async function discardIds(
  { config, signal }: Context,
  platform: Platform,
  { before, isBackfill, isDryRun }: DiscardOptions,
): Promise<IdsDiscarded> {
  const { groups, formerGroups } = config.kafka;
  const { cluster } = await platform.kafka();
  const { admin } = cluster;
  const ids = isBackfill ? cluster.topics.movieIdsBackfill : cluster.topics.movieIds;
  const { name: topic } = ids;
  const names: RenamedGroup = isBackfill
    ? { group: groups.fetcherBackfill }
    : { group: groups.fetcher, former: formerGroups.fetcher };
  const [commits, present] = await Promise.all([commitsWithFormer(admin, names, topic), admin.topicOffsets(topic)]);
  const moves = movesTo(before === undefined ? present.high : await admin.offsetsAt(topic, before), commits, present);
  const waiting = await countWaiting(cluster, ids, moves);
  const readers = await Promise.all(
    Object.values<string>({ ...names }).map(async (group) => ({
      group,
      members: await membersIfVisible(admin, group),
    })),
  );
  if (!isDryRun && moves.size > 0) {
    for (const { group, members } of readers) if (members.length > 0) throw new GroupInUseError(group, members);
    signal.throwIfAborted();
    await admin.replaceCommits(names.group, topic, new Map([...moves].map(([partition, { to }]) => [partition, to])));
  }
  return { isDryRun, members: readers.flatMap(({ members }) => members), ...waiting };
}

/** No offset moves back, or past the end of its partition. @param ends where to move to. */
export function movesTo(
  ends: Offsets,
  commits: ReadonlyMap<number, Commit>,
  { low, high }: TopicOffsets,
): ReadonlyMap<number, Move> {
  const moves = new Map<number, Move>();
  for (const [partition, last] of high) {
    const first = low.get(partition) ?? 0n;
    const commit: Commit = commits.get(partition) ?? { offset: first, ahead: new Set(), uncertainUntil: last };
    const { offset, ahead } = commit;
    const from = { ...commit, offset: largest(offset, first) };
    const to = smallest(ends.get(partition) ?? last, last);
    if (to <= from.offset) continue;
    // Ids that are done ahead of those that still wait stay done.
    moves.set(partition, {
      from,
      to: { ...commit, offset: to, ahead: new Set([...ahead].filter((done) => done >= to)) },
    });
  }
  return moves;
}

async function countWaiting(cluster: KafkaCluster, topic: Topic<MovieId>, moves: ReadonlyMap<number, Move>) {
  const movies = new Set<number>();
  const counts = new Map<number, number>();
  let [ids, unreadable, newest] = [0, 0, 0];
  const countId = (record: ConsumerRecord) => {
    if (!isWaiting(record, moves.get(record.partition)) || record.value === null) return;
    const id = decodeOrNull(movieIdCodec, record.value);
    if (id === null) {
      unreadable += 1;
      return;
    }
    ids += 1;
    movies.add(id.movieId);
    newest = Math.max(newest, record.timestamp);
    counts.set(record.partition, (counts.get(record.partition) ?? 0) + 1);
  };
  const countUnusable = (record: ConsumerRecord) => {
    if (isWaiting(record, moves.get(record.partition))) unreadable += 1;
  };
  if (moves.size > 0) await cluster.readTopic(topic, countId, countUnusable);
  const partitions = [...moves]
    .toSorted(([a], [b]) => a - b)
    .map(([partition, { from, to }]) => {
      return { partition, from: Number(from.offset), to: Number(to.offset), ids: counts.get(partition) ?? 0 };
    });
  return {
    ids,
    movies: movies.size,
    unreadable,
    partitions,
    fetchAgain: fetchAgain(partitions, newest, topic === cluster.topics.movieIdsBackfill),
  };
}

const isWaiting = ({ offset }: ConsumerRecord, move: Move | undefined): boolean =>
  move !== undefined && offset >= move.from.offset && offset < move.to.offset && !move.from.ahead.has(offset);

/** Selects the discarded ids, and not those that are published later. @param newest when the last of them was published. */
function fetchAgain(partitions: readonly DiscardedPartition[], newest: number, isBackfill: boolean): string | null {
  const discarded = partitions.filter(({ ids }) => ids > 0);
  if (discarded.length === 0) return null;
  const offsets = discarded.map(({ partition, from }) => `--from-offset ${partition}:${from}`);
  return [
    'replay ids',
    ...(isBackfill ? ['--backfill'] : []),
    ...offsets,
    `--until ${new Date(newest + 1).toISOString()}`,
  ].join(' ');
}
