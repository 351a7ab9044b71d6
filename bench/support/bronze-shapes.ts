import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';

/** An answer of TMDb for a movie. */
export interface Answer {
  readonly movieId: number;
  readonly httpStatus: number;
  readonly body: Buffer;
}

/** How BRONZE reached its size. */
export interface Shape {
  readonly name: 'history' | 'catalogue';
  /** The number of different movies in BRONZE at that size. */
  readonly movies: (rows: number) => number;
  readonly answersPerDay: number;
}

export const shapes: readonly Shape[] = [
  // TMDb's popular list ends at 10,000 movies, so this is a deployment that runs every day.
  { name: 'history', movies: (rows) => Math.min(rows, 10_000), answersPerDay: 10_000 },
  { name: 'catalogue', movies: (rows) => rows, answersPerDay: 345_600 },
];

const gone = Buffer.from(
  '{"success":false,"status_code":34,"status_message":"The resource you requested could not be found."}',
);

/** The movies of a shape, fetched in rounds; in each round TMDb's numbers have changed. */
export class Answers {
  readonly #catalogue: GeneratedCatalogue;
  #round = 0;

  constructor(movies: number) {
    this.#catalogue = new GeneratedCatalogue({ movies });
  }

  /** `count` answers; repeats the whole catalogue. */
  *rounds(count: number): Generator<Answer> {
    for (let round = 0; round < count; round += 1) {
      const rank = round % this.#catalogue.size;
      if (rank === 0) this.#catalogue.setVersion(this.#round++);
      const movieId = this.#catalogue.idAtRank(rank);
      const document = this.#catalogue.document(movieId);
      yield { movieId, httpStatus: document ? 200 : 404, body: document ?? gone };
    }
  }

  /** `count` movies from the whole catalogue whose documents differ from those of the last round. */
  changed(count: number): Answer[] {
    const { size } = this.#catalogue;
    const version = this.#round++;
    const answers: Answer[] = [];
    // With a prime as step, every rank appears once before any repeats.
    for (let round = 0, rank = version; round < size && answers.length < count; round += 1) {
      rank = (rank + 7_919) % size;
      const movieId = this.#catalogue.idAtRank(rank);
      this.#catalogue.setVersion(version - 1);
      const before = this.#catalogue.document(movieId);
      this.#catalogue.setVersion(version);
      const body = this.#catalogue.document(movieId);
      if (body && before && !body.equals(before)) answers.push({ movieId, httpStatus: 200, body });
    }
    if (answers.length < count) throw new RangeError(`of ${size} movies only ${answers.length} changed, not ${count}`);
    return answers;
  }
}
