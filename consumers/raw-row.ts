import type { ConsumerRecord } from '../kafka/topic.ts';
import { DecodeError } from '../schemas/codec.ts';
import { requestIn } from '../schemas/movie-request.ts';
import { type Problem, problemOfGenres, problemOfMovie } from '../schemas/record-rules.ts';
import type { RawTopics } from '../schemas/topics.ts';
import type { Batch, RawGenresRow, RawMovieRow } from '../warehouse/warehouse.ts';
import { type Failure, failureOf, isSentBack } from './dead-letter.ts';

/** The table of BRONZE that holds the records of a raw topic. */
export const tableOf = ({ rawGenres }: RawTopics, topic: string): Batch['table'] =>
  topic === rawGenres.name ? 'raw_genres' : 'raw_movies';

/** The message for a row that the warehouse refuses. */
export const noReadableJson = 'the document is not JSON that the warehouse can read';

export type RawRow = RawMovieRow | RawGenresRow;

export const isProblem = (row: RawRow | Problem): row is Problem => 'reason' in row;

type RecordOfRow = Pick<ConsumerRecord, 'topic' | 'offset' | 'key' | 'value' | 'headers'>;

/**
 * Converts a raw topic's record into a row of BRONZE, or returns the problem. All writers of BRONZE use it: the loader, replays, a
 * rebuild, and the dry run of a redrive. @param now milliseconds since the epoch.
 */
export function toRawRow(
  { rawMovies, rawGenres }: RawTopics,
  { topic, offset: kafkaOffset, key, value, headers }: RecordOfRow,
  now: number,
): RawRow | Problem {
  if (value === null) return undecodable('the record has no value');
  const sentBack = isSentBack(headers) && ({ isSentBack: true } as const);
  try {
    if (topic === rawGenres.name) {
      const genres = rawGenres.codec.decode(value);
      return (
        problemOfDocument(genres.body) ?? problemOfGenres(key, genres, now) ?? { kafkaOffset, ...genres, ...sentBack }
      );
    }
    const movie = rawMovies.codec.decode(value);
    const request = requestIn(headers);
    const row = { kafkaOffset, ...movie, ...sentBack, ...(request && { request }) };
    return problemOfDocument(movie.body) ?? problemOfMovie(key, movie, now) ?? row; // mutant: loader.refused-movie
  } catch (error) {
    if (error instanceof DecodeError) return undecodable(error.message);
    throw error;
  }
}

const undecodable = (message: string): Problem => ({ reason: 'undecodable_record', message });

const problemOfDocument = (body: Buffer): Problem | null =>
  isObject(body) ? null : undecodable('the document is not a JSON object');

/** Whether a JSON document is an object, by its first byte that is not white space: all answers of TMDb are. */
function isObject(document: Buffer): boolean {
  const first = document.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  return first === '{'.charCodeAt(0);
}

/** A record that cannot be loaded, and why. */
export interface Unreadable {
  readonly record: ConsumerRecord;
  readonly failure: Failure;
}

/** Divides records into rows of BRONZE and records to be parked. `readable[i]` is the record of `rows[i]`. @param now milliseconds since the epoch. */
export function toRawRows(topics: RawTopics, records: readonly ConsumerRecord[], now: number) {
  const readable: ConsumerRecord[] = [];
  const rows: RawRow[] = [];
  const unreadable: Unreadable[] = [];
  for (const record of records) {
    const row = record.unusable ?? toRawRow(topics, record, now);
    if (isProblem(row)) {
      unreadable.push({ record, failure: failureOf(row) });
    } else {
      readable.push(record);
      rows.push(row);
    }
  }
  return { readable, rows, unreadable };
}
