import type { Codec } from './codec.ts';
import { deadLetterCodec, movieIdCodec, producerStateCodec, rawGenresCodec, rawMovieCodec } from './codecs.ts';
import type { DeadLetter, MovieId, ProducerState, RawGenres, RawMovie } from './records.ts';
import { topicNames } from './topic-names.ts';

/** A topic: its name in Kafka, the format of its values, and what decides its settings. */
export interface Topic<T = unknown> {
  readonly name: string;
  readonly codec: Codec<T>;
  /** `compact`: Kafka keeps the newest record of each key for ever. `delete`: records expire by age. */
  readonly cleanup: 'compact' | 'delete';
  /** The largest content of a record: an id, an answer of TMDb, or a whole record of another topic. */
  readonly content: 'id' | 'answer' | 'record';
}

/** The topics whose records become rows of BRONZE. */
export interface RawTopics {
  readonly rawMovies: Topic<RawMovie>;
  readonly rawGenres: Topic<RawGenres>;
}

export interface Topics extends RawTopics {
  readonly movieIds: Topic<MovieId>;
  /** Ids that may wait for days: they are fetched when no id of `movieIds` waits. */
  readonly movieIdsBackfill: Topic<MovieId>;
  readonly producerState: Topic<ProducerState>;
  readonly deadLetters: Topic<DeadLetter>;
}

/** The topics of ids to fetch. A movie can have a record in both. */
export const idTopics = ({ movieIds, movieIdsBackfill }: Topics) => [movieIds, movieIdsBackfill] as const;

/** Every topic of a deployment. */
export const allTopics = (topics: Topics): readonly Topic[] => Object.values(topics);

/** Kafka's limit for the name of a topic. */
const maxNameLength = 249;

/** What fits before the longest name. */
export const maxPrefixLength = maxNameLength - Math.max(...Object.values(topicNames).map(({ length }) => length));

/** The topics of one deployment. @param prefix precedes each name; two deployments on one cluster differ in it. */
export const createTopics = (prefix: string): Topics => ({
  movieIds: { name: prefix + topicNames.movieIds, codec: movieIdCodec, cleanup: 'compact', content: 'id' },
  movieIdsBackfill: {
    name: prefix + topicNames.movieIdsBackfill,
    codec: movieIdCodec,
    cleanup: 'compact',
    content: 'id',
  },
  rawMovies: { name: prefix + topicNames.rawMovies, codec: rawMovieCodec, cleanup: 'delete', content: 'answer' },
  rawGenres: { name: prefix + topicNames.rawGenres, codec: rawGenresCodec, cleanup: 'delete', content: 'answer' },
  producerState: {
    name: prefix + topicNames.producerState,
    codec: producerStateCodec,
    cleanup: 'compact',
    content: 'id',
  },
  deadLetters: { name: prefix + topicNames.deadLetters, codec: deadLetterCodec, cleanup: 'delete', content: 'record' },
});
