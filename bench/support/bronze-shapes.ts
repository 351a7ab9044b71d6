import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';

/** An answer of TMDb's about a movie. */
export interface Answer {
  readonly movieId: number;
  readonly httpStatus: number;
  readonly body: Buffer;
}

/** How BRONZE came to its size. */
export interface Shape {
  readonly name: 'history' | 'catalogue';
  /** How many movies BRONZE knows at that size. */
  readonly movies: (rows: number) => number;
}

export const shapes: readonly Shape[] = [
  // TMDb's popular list ends at 10,000 movies, so this is what a deployment has that runs day after day.
  { name: 'history', movies: (rows) => Math.min(rows, 10_000) },
  { name: 'catalogue', movies: (rows) => rows },
];

const gone = Buffer.from(
  '{"success":false,"status_code":34,"status_message":"The resource you requested could not be found."}',
);

/** The movies of a shape, asked for in rounds; in each round TMDb's numbers have moved on. */
export class Answers {
  readonly #catalogue: GeneratedCatalogue;
  #round = 0;

  constructor(movies: number) {
    this.#catalogue = new GeneratedCatalogue({ movies });
  }

  /** `count` answers, the whole catalogue time and again. */
  *rounds(count: number): Generator<Answer> {
    for (let turn = 0; turn < count; turn += 1) {
      const rank = turn % this.#catalogue.size;
      if (rank === 0) this.#catalogue.setVersion(this.#round++);
      const movieId = this.#catalogue.idAtRank(rank);
      const document = this.#catalogue.document(movieId);
      yield { movieId, httpStatus: document ? 200 : 404, body: document ?? gone };
    }
  }

  /** `count` movies from all over the catalogue whose documents differ from those of the round before. */
  changed(count: number): Answer[] {
    const { size } = this.#catalogue;
    const version = this.#round++;
    const answers: Answer[] = [];
    // A prime as step, so that every rank comes up once before any comes again.
    for (let turn = 0, rank = version; turn < size && answers.length < count; turn += 1) {
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
