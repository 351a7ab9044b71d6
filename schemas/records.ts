import type { DeadLetterReason } from './dead-letter-reasons.ts';

/** The records of the topics: one type for each topic, in the shape of its Avro schema (`schemas/avro/`). */

/** Why a movie is requested. */
type Reason = 'popular' | 'changed' | 'export' | 'manual' | 'aged';

/** `tmdb.movie-ids` and `tmdb.movie-ids-backfill`, keyed by movie id: "fetch this movie". Compacted, so both are the set of known movies. */
export interface MovieId {
  readonly movieId: number;
  readonly reason: Reason;
  /** Page (1-500) of the list that named it and the position on that page (1-20), if there was one. */
  readonly page: number | null;
  readonly rank: number | null;
  readonly requestedAt: Date;
}

/** Producers that keep their progress in Kafka. */
export type StatefulProducer = 'changes' | 'export' | 'export-adult';

/**
 * `tmdb.producer-state`. Keyed by producer: how far it is. Keyed by the producer and `.movie-ids`: the ids of the newest export that it has
 * read to its end. Compacted.
 */
export interface ProducerState {
  readonly producer: StatefulProducer;
  /** The newest UTC day that it has read, `YYYY-MM-DD`. */
  readonly day: string;
  /** Lines of the export of that day whose ids are published; 0 for changes. */
  readonly lines: number;
  /** Whether everything of that day is published. */
  readonly isComplete: boolean;
  readonly updatedAt: Date;
  /** A `MovieSet`, encoded; null in a record of the progress. */
  readonly movieIds: Buffer | null;
}

/** `tmdb.raw-movies`, keyed by movie id: TMDb's answer, byte for byte. */
export interface RawMovie {
  readonly movieId: number;
  /** Without any API key in it. */
  readonly sourceUrl: string;
  /** 200, or 404 for a movie that TMDb no longer has. */
  readonly httpStatus: number;
  readonly fetchedAt: Date;
  readonly body: Buffer;
}

/** `tmdb.raw-genres`, keyed by language: TMDb's genre list, byte for byte. */
export interface RawGenres {
  /** ISO 639-1, such as `en`. */
  readonly language: string;
  readonly sourceUrl: string;
  readonly fetchedAt: Date;
  readonly body: Buffer;
}

/** `tmdb.dead-letters`, keyed by `topic/partition/offset` of the origin: a record that could not be used, unchanged, and why. */
export interface DeadLetter {
  readonly originTopic: string;
  readonly originPartition: number;
  readonly originOffset: bigint;
  readonly originTimestamp: Date;
  readonly originKey: Buffer | null;
  /** Only the beginning of the value if `originValueBytes` is a number. */
  readonly originValue: Buffer | null;
  /** Machine-readable, one of `deadLetterReasons`. */
  readonly reason: DeadLetterReason;
  /** For the user; never contains a secret. */
  readonly message: string;
  readonly attempts: number;
  /** How often it was sent back to its origin and parked again. */
  readonly replays: number;
  readonly failedAt: Date;
  /** Size and SHA-256 of the whole value if `originValue` contains only its beginning; otherwise null. */
  readonly originValueBytes: number | null;
  readonly originValueSha256: Buffer | null;
  /**
   * A number when the letter covers all offsets of a batch, from `originOffset` to `originOffset + originLastOffsetDelta`;
   * `originValue` is then the beginning of the batch in Kafka's format. Null if the letter holds one record.
   */
  readonly originLastOffsetDelta: number | null;
}
