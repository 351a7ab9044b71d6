import { z } from 'zod';
import { RecordTooLargeError } from '../kafka/errors.ts';
import type { ConsumerRecord, Offsets, RecordSource, Sink } from '../kafka/topic.ts';
import type { Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import { DecodeError } from '../schemas/codec.ts';
import { movieIdCodec } from '../schemas/codecs.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';
import { headersOf, newTraceparent, traceparentIn } from '../schemas/movie-request.ts';
import { problemOfId } from '../schemas/record-rules.ts';
import type { DeadLetter, RawMovie } from '../schemas/records.ts';
import { UnusableAnswerError } from '../tmdb/errors.ts';
import type { TmdbClient } from '../tmdb/tmdb-client.ts';
import { deadLetterOf, type Failure, failureOf, publishLetters } from './dead-letter.ts';
import type { FinishedIds } from './finished-ids.ts';

export interface FetcherPorts {
  readonly movieIds: RecordSource;
  readonly tmdb: Pick<TmdbClient, 'movie'>;
  readonly rawMovies: Sink<RawMovie>;
  readonly deadLetters: Sink<DeadLetter>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Calls `work` when this record may be handled. @default at once */
  readonly admit?: (work: () => Promise<MovieOutcome>) => Promise<MovieOutcome>;
  /** Says which records were finished before the group lost its commits. @default none */
  readonly finished?: Pick<FinishedIds, 'has'>;
  readonly onDone?: (outcome: MovieOutcome) => void;
  /** Records went to dead letters. */
  readonly onParked?: (reason: DeadLetterReason) => void;
}

/** How many ids ended in each way. */
export const movieOutcomesShape = z.object({
  fetched: count.describe('movies whose answer was published'),
  gone: count.describe('movies that TMDb has deleted, which is published like any other answer'),
  parked: count.describe('ids that went to dead letters'),
  skipped: count.describe('tombstones, and ids that were finished before the group lost its commits'),
});
export type MovieOutcomes = ValueOf<typeof movieOutcomesShape>;
export type MovieOutcome = keyof MovieOutcomes;
export const movieOutcomes = movieOutcomesShape.keyof().options;

/**
 * Ids topic → TMDb → raw topic. An id is finished when its answer is published, or when it is parked in dead letters.
 * A failure of TMDb as a whole (credentials, outage) ends the stage, and the id stays in the topic.
 * Ends as `RecordSource.run` does. @throws CredentialsRefusedError, TmdbUnreachableError, and the errors of the source.
 */
export const runFetcher = (
  ports: FetcherPorts,
  options: { readonly signal: AbortSignal; readonly until?: Offsets },
): Promise<void> =>
  ports.movieIds.run(async (record) => {
    const isFinished = record.mayBeFinished && (await ports.finished?.has(record, options.signal));
    const outcome = isFinished ? 'skipped' : await (ports.admit ?? atOnce)(() => handle(ports, record, options.signal));
    ports.onDone?.(outcome);
  }, options);

const atOnce = (work: () => Promise<MovieOutcome>): Promise<MovieOutcome> => work();

async function handle(ports: FetcherPorts, record: ConsumerRecord, signal: AbortSignal): Promise<MovieOutcome> {
  if (record.unusable) return park(ports, record, failureOf(record.unusable)); // mutant: batches.unusable-record
  // A tombstone removes an id from the compacted topic: there is nothing to fetch.
  if (record.value === null) return 'skipped';
  try {
    const asked = movieIdCodec.decode(record.value);
    const problem = problemOfId(record.key, asked, ports.clock.now());
    if (problem) return await park(ports, record, failureOf(problem)); // mutant: fetcher.refused-record
    const { movieId, requestedAt, reason } = asked;
    const { url, httpStatus, fetchedAt, body } = await ports.tmdb.movie(movieId, signal);
    // crash point: fetcher.answered
    const value = { movieId, sourceUrl: url, httpStatus, fetchedAt, body };
    // Ids from before traces existed, or from a foreign writer, have none.
    const headers = headersOf({ requestedAt, reason, traceparent: traceparentIn(record.headers) ?? newTraceparent() });
    await ports.rawMovies.publish([{ key: String(movieId), value, headers }]); // mutant: fetcher.publish-first
    // crash point: fetcher.published
    return httpStatus === 200 ? 'fetched' : 'gone';
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === null) throw error;
    const attempts = error instanceof UnusableAnswerError ? error.attempts : 1;
    return park(ports, record, { reason, message: messageOf(error), attempts });
  }
}

async function park(ports: FetcherPorts, record: ConsumerRecord, failure: Failure): Promise<MovieOutcome> {
  await publishLetters(ports.deadLetters, [deadLetterOf(record, failure, new Date(ports.clock.now()))]); // mutant: fetcher.park-first
  ports.onParked?.(failure.reason);
  ports.log.warn({ partition: record.partition, offset: record.offset.toString(), ...failure }, 'parked a movie id');
  return 'parked';
}

/** The problem of this record; null if the error concerns more than this record. */
function reasonOf(error: unknown): DeadLetterReason | null {
  if (error instanceof DecodeError) return 'undecodable_record';
  if (error instanceof RecordTooLargeError) return 'body_too_large';
  return error instanceof UnusableAnswerError ? error.reason : null; // mutant: fetcher.outage-parks-nothing
}
