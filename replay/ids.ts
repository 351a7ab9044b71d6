import { z } from 'zod';
import type { KafkaCluster } from '../kafka/cluster.ts';
import { publishInGroups } from '../kafka/publish-in-groups.ts';
import { isAfter, type ProducerRecord, type RecordPosition } from '../kafka/topic.ts';
import type { Context } from '../platform/context.ts';
import type { Platform } from '../platform/platform.ts';
import { idRecord } from '../producers/id-record.ts';
import { systemClock } from '../runtime/clock.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import { decodeOrNull } from '../schemas/codec.ts';
import { movieIdCodec } from '../schemas/codecs.ts';
import { movieIdOf } from '../schemas/record-rules.ts';
import type { MovieId } from '../schemas/records.ts';
import { idTopics, type Topic } from '../schemas/topics.ts';
import { durationAt } from '../tmdb/token-bucket/token-bucket.ts';
import { type BegunReplay, removeJournal, writeJournal } from './journal.ts';
import { isSelected, type Selection } from './selection.ts';

/** A movie to fetch again, and its last position on the popular list. */
type Asked = Pick<MovieId, 'movieId' | 'page' | 'rank'> & {
  /** Of its newest record: a large part of the backfill must not delay other ids. */
  readonly topic: Topic<MovieId>;
};

/** The work of a replay. */
interface IdsToReplay {
  readonly movies: readonly Asked[];
  /** Movies that were published since the replay began. */
  readonly alreadyAsked: number;
}

/** One movie of the compacted topics: its newest record. */
interface Newest {
  readonly topic: Topic<MovieId>;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: number;
  readonly isSelected: boolean;
  /** null for a tombstone, and for a record that cannot be decoded: its consumer parks it. */
  readonly value: MovieId | null;
}

/**
 * Reads the newest record of each movie in the topics of ids, and determines which movies are selected. A movie that the
 * selection names without further conditions is selected even if the topic does not contain it (any more).
 * The topics themselves show what was published since the replay began. @throws KafkaError.
 */
async function idsToReplay(
  kafka: KafkaCluster,
  { selection, isBackfill, begun: { startedAt } }: ReplayIdsOptions,
): Promise<IdsToReplay> {
  const known = await readNewest(kafka, selection, isBackfill);
  const isAsked = ({ requestedAt }: MovieId) => requestedAt.getTime() >= startedAt;
  const selected = [...known.values()].flatMap(({ isSelected, value, topic }) =>
    isSelected && value ? [{ ...value, topic }] : [],
  );
  const unknown = namedOnly(selection).filter((movieId) => !known.get(movieId)?.value);
  return {
    movies: [
      ...selected.filter((movie) => !isAsked(movie)),
      ...unknown.map((movieId) => ({ movieId, page: null, rank: null, topic: kafka.topics.movieIds })),
    ],
    // These may not match the selection any more: a movie that was published again has a newer record.
    alreadyAsked: [...known.values()].filter(({ value }) => value?.reason === 'manual' && isAsked(value)).length,
  };
}

const namedOnly = ({ movies, ...others }: Selection): readonly number[] =>
  Object.keys(others).length === 0 ? [...(movies ?? [])] : [];

/** The topics that a selection can concern. Offsets without `isBackfill` are those of the first topic. */
function topicsOf({ topics }: KafkaCluster, { fromOffsets }: Selection, isBackfill: boolean) {
  if (isBackfill) return [topics.movieIdsBackfill];
  return fromOffsets ? [topics.movieIds] : idTopics(topics);
}

async function readNewest(
  kafka: KafkaCluster,
  selection: Selection,
  isBackfill: boolean,
): Promise<ReadonlyMap<number, Newest>> {
  const newest = new Map<number, Newest>();
  for (const topic of topicsOf(kafka, selection, isBackfill)) {
    await kafka.readTopic(topic, (record) => {
      const movieId = movieIdOf(record.key);
      if (movieId === null) return;
      const known = newest.get(movieId);
      if (known && !isNewer(topic, record, known)) return;
      const { partition, offset, timestamp } = record;
      const value = decodeOrNull(movieIdCodec, record.value);
      newest.set(movieId, { topic, partition, offset, timestamp, value, isSelected: isSelected(selection, record) });
    });
  }
  return newest;
}

/** Offsets of two topics say nothing about their order. */
const isNewer = (topic: Topic, record: RecordPosition, known: Newest): boolean =>
  topic === known.topic ? isAfter(record, known) : record.timestamp > known.timestamp;

/** The (planned) result of a replay of ids. */
export const idsReplayedShape = z.object({
  isDryRun: z.boolean().describe('whether nothing was published'),
  records: count.describe('ids that were published, or would be'),
  apiCalls: count.describe('requests to TMDb that "fetch" needs for them: one for each'),
  minutes: z.number().describe('time for these requests at TMDB_RATE_LIMIT'),
  alreadyAsked: count.describe('ids published since the replay began: after a kill, only the others remain'),
});
export type IdsReplayed = ValueOf<typeof idsReplayedShape>;

export interface ReplayIdsOptions {
  readonly selection: Selection;
  /** Whether only ids of the backfill are selected. */
  readonly isBackfill: boolean;
  readonly begun: BegunReplay;
  /** The journal that records the replay in progress. */
  readonly journal: string;
  readonly isDryRun: boolean;
}

/**
 * Publishes each selected movie's id again, so that the fetchers, which share the token bucket, fetch it again. After a
 * kill, a call with the same `begun` skips ids that were published. @throws KafkaError, or the signal's reason.
 */
export async function replayIds(context: Context, platform: Platform, options: ReplayIdsOptions): Promise<IdsReplayed> {
  const { config, progress, signal } = context;
  const { begun, journal, isDryRun } = options;
  const { cluster } = await platform.kafka();
  const { movies, alreadyAsked } = await idsToReplay(cluster, options);
  const minutes = durationAt(config.tmdb.rateLimit, movies.length) / 60_000;
  const replayed = { isDryRun, records: movies.length, apiCalls: movies.length, minutes, alreadyAsked };
  if (isDryRun) return replayed;
  writeJournal(journal, begun);
  let done = 0;
  const onPublished = (ids: number) => {
    done += ids;
    progress.update('replay', { done, total: movies.length, unit: 'ids' });
  };
  for (const [topic, ofTopic] of Map.groupBy(movies, (movie) => movie.topic)) {
    await publishInGroups(cluster.sink(topic), ofTopic, recordsOf, { signal, onPublished });
  }
  removeJournal(journal);
  return replayed;
}

function recordsOf(movies: readonly Asked[]): ProducerRecord<MovieId>[] {
  const requestedAt = new Date(systemClock.now());
  return movies.map(({ movieId, page, rank }) => idRecord({ movieId, page, rank, reason: 'manual', requestedAt }));
}
