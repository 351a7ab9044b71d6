import type { ConsumerRecord, ReadTopic } from '../kafka/topic.ts';
import { whenAborted } from '../runtime/abort.ts';
import type { Clock } from '../runtime/clock.ts';
import { decodeOrNull } from '../schemas/codec.ts';
import { deadLetterCodec, movieIdCodec, rawMovieCodec } from '../schemas/codecs.ts';
import { MovieTimes } from '../schemas/movie-times.ts';
import { problemOfId, problemOfMovie } from '../schemas/record-rules.ts';
import { originOf, parkedKey } from './dead-letter.ts';

export interface FinishedIdsPorts {
  readonly readRawMovies: ReadTopic;
  readonly readDeadLetters: ReadTopic;
  readonly clock: Clock;
  /** Called before both topics are read, which takes about 30 s for a million answers. */
  readonly onReading?: () => void;
}

interface Finished {
  /** Movie → when its newest answer was fetched, in ms since the epoch. */
  readonly answered: MovieTimes;
  readonly parked: ReadonlySet<string>;
}

/**
 * Which ids the fetcher has finished, as its output says: for records whose commits are lost. Reads the output once, when it is first
 * asked. Needs up to 32 bytes for each movie, and a text for each dead letter.
 */
export class FinishedIds {
  readonly #ports: FinishedIdsPorts;
  #reading: Promise<void> | undefined;
  #finished: Finished | undefined;

  constructor(ports: FinishedIdsPorts) {
    this.#ports = ports;
  }

  /** Whether it reads the topics now: records wait for it. */
  get isReading(): boolean {
    return this.#reading !== undefined && this.#finished === undefined;
  }

  /**
   * Whether the id was parked, or its movie was answered after it was requested. An id with an older answer is not finished.
   * @throws the signal's reason, or the errors of Kafka.
   */
  async has(record: ConsumerRecord, signal: AbortSignal): Promise<boolean> {
    const { answered, parked } = this.#finished ?? (await this.#read(signal));
    if (parked.has(parkedKey(originOf(record)))) return true; // mutant: fetcher.parked-before
    const id = record.unusable ? null : decodeOrNull(movieIdCodec, record.value);
    if (id === null || problemOfId(record.key, id, this.#ports.clock.now()) !== null) return false;
    const fetchedAt = answered.get(id.movieId);
    return fetchedAt !== undefined && fetchedAt >= id.requestedAt.getTime(); // mutant: fetcher.answered-before
  }

  async #read(signal: AbortSignal): Promise<Finished> {
    this.#reading ??= this.#readTopics();
    await Promise.race([this.#reading, whenAborted(signal)]);
    signal.throwIfAborted();
    if (!this.#finished) throw new Error('the finished ids were not read');
    return this.#finished;
  }

  async #readTopics(): Promise<void> {
    const { readRawMovies, readDeadLetters, clock, onReading } = this.#ports;
    onReading?.();
    const [answered, parked] = [new MovieTimes(), new Set<string>()];
    await readRawMovies(({ key, value }) => {
      const movie = decodeOrNull(rawMovieCodec, value);
      // An answer that the loader refuses does not count.
      if (movie && problemOfMovie(key, movie, clock.now()) === null) {
        answered.add(movie.movieId, movie.fetchedAt.getTime());
      }
    });
    await readDeadLetters(({ value }) => {
      const letter = decodeOrNull(deadLetterCodec, value);
      if (letter) parked.add(parkedKey(letter));
    });
    this.#finished = { answered, parked };
  }
}
