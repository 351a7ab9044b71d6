import { officialGenres } from '../../../sandbox/catalogue.ts';
import { GeneratedCatalogue } from '../../../sandbox/catalogue-generated.ts';
import { topics } from '../../../test/support/kafka/topics.ts';
import type { Batch, RawMovieRow, TopicId } from '../../../warehouse/warehouse.ts';

/** What determines every answer of the year: each process that has it makes the same ones. */
export interface YearPlan {
  readonly movies: number;
  /** All answers, those of the first walk included. */
  readonly rows: number;
  /** The time of the first answer (ms since the epoch). */
  readonly from: number;
}

export const partitions = 4;
/**
 * The days over which the answers of the year are spread, up to now. Not more, because answers older than 180 days are purged, and the
 * cost of a purge is another question.
 */
export const days = 150;

const idOf = (topic: string): TopicId => ({ clusterId: 'bench', topic, topicId: 'bench' });
export const moviesTopic = idOf(topics.rawMovies.name);
export const genresTopic = idOf(topics.rawGenres.name);

/** TMDb's answers of a year: each movie is fetched once in the first walk, and then again and again with other numbers. */
export class YearOfAnswers {
  readonly #plan: YearPlan;
  readonly #catalogue: GeneratedCatalogue;

  constructor(plan: YearPlan) {
    this.#plan = plan;
    this.#catalogue = new GeneratedCatalogue({ movies: plan.movies });
  }

  /** The batch of a partition with the offsets `[first, next)`. Each answer goes to the partition after that of the one before. */
  batch(partition: number, first: number, next: number): Batch {
    return {
      table: 'raw_movies',
      partition: { ...moviesTopic, partition },
      firstOffset: BigInt(first),
      nextOffset: BigInt(next),
      rows: Array.from({ length: next - first }, (_, index) => this.#row(partition, first + index)),
    };
  }

  genres(): Batch {
    const body = Buffer.from(JSON.stringify({ genres: officialGenres }));
    const sourceUrl = 'https://api.themoviedb.org/3/genre/movie/list?language=en';
    const row = { kafkaOffset: 0n, language: 'en', body, sourceUrl, fetchedAt: new Date(this.#plan.from) };
    const partition = { ...genresTopic, partition: 0 };
    return { table: 'raw_genres', partition, firstOffset: 0n, nextOffset: 1n, rows: [row] };
  }

  #row(partition: number, offset: number): RawMovieRow {
    const { movies, rows, from } = this.#plan;
    const number = offset * partitions + partition;
    // With a prime as step, each walk visits each rank once.
    const movieId = this.#catalogue.idAtRank((number * 7_919) % movies);
    this.#catalogue.setVersion(Math.floor(number / movies));
    const document = this.#catalogue.document(movieId);
    return {
      kafkaOffset: BigInt(offset),
      movieId,
      body: document ?? gone,
      sourceUrl: `https://api.themoviedb.org/3/movie/${movieId}`,
      httpStatus: document ? 200 : 404,
      fetchedAt: new Date(from + Math.floor((number * days * 86_400_000) / rows)),
    };
  }
}

const gone = Buffer.from(
  '{"success":false,"status_code":34,"status_message":"The resource you requested could not be found."}',
);
