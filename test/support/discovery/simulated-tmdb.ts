import { dayMs, utcDay } from '../../../runtime/days.ts';
import { GeneratedCatalogue } from '../../../sandbox/catalogue-generated.ts';
import { exportChunks, isExported } from '../../../sandbox/export.ts';
import { type MovieState, MovieStates } from '../../../sandbox/movie-states.ts';
import { Routes } from '../../../sandbox/routes.ts';
import { type MoviePage, readMoviePage } from '../../../tmdb/answers.ts';
import { readBatches } from '../../../tmdb/export-batches.ts';
import type { ExportRequest } from '../../../tmdb/movie-export.ts';
import type { ManualClock } from '../clock/manual-clock.ts';

/** A day that no walk reads: a change of state on it is on no list of changes. */
const unreadDay = 0;

/** The sandbox's model of TMDb, without a server, at the time of a clock. */
export class SimulatedTmdb {
  readonly catalogue: GeneratedCatalogue;
  readonly states = new MovieStates();
  readonly #clock: ManualClock;
  readonly #routes: Routes;

  constructor(clock: ManualClock, movies: number) {
    this.#clock = clock;
    this.catalogue = new GeneratedCatalogue({ movies, seed: 7 });
    this.#routes = new Routes(this.catalogue, this.states, { pageDrift: 0, now: () => clock.now() });
  }

  /** @param isListed whether the list of changes of today names these movies; TMDb's lists are not complete. */
  set(states: ReadonlyMap<number, MovieState>, { isListed }: { readonly isListed: boolean }): void {
    this.states.set(states, isListed ? this.#today : unreadDay);
  }

  /** Whether TMDb answers for the movie with 200. */
  exists = (movieId: number): boolean => this.states.exists(movieId) && !this.catalogue.isDeleted(movieId);

  /** The movies on the first pages of the popular list. */
  popularNow(pages: number): number[] {
    return Array.from({ length: pages }, (_, index) => this.#page('/movie/popular', { page: index + 1 }).movies)
      .flat()
      .map(({ movieId }) => movieId);
  }

  /** The lists, as the producers request them. */
  readonly lists = {
    popular: async (page: number) => answerWith(this.#page('/movie/popular', { page })),
    changes: async (day: string, page: number) =>
      answerWith(this.#page('/movie/changes', { start_date: day, end_date: utcDay(Date.parse(day) + dayMs), page })),
  };

  readonly exports = {
    open: async ({ day, isAdult, batchLines }: ExportRequest) => {
      const file = { startsAt: Date.parse(day), isAdult };
      if (!isExported(file, this.#clock.now())) return null;
      const chunks = Iterator.from(exportChunks(this.catalogue, this.states, isAdult)).map((text) => Buffer.from(text));
      return readBatches(
        (async function* () {
          yield* chunks;
        })(),
        { batchLines },
      );
    },
  };

  /** The movies that the lists of changes of a day name. @param at ms since the epoch, on that day. */
  changedOn(at: number): ReadonlySet<number> {
    const day = Math.floor(at / dayMs);
    return new Set([...this.catalogue.changedOn(day), ...this.states.changedOn(day)]);
  }

  get #today(): number {
    return Math.floor(this.#clock.now() / dayMs);
  }

  #page(path: string, query: Readonly<Record<string, string | number>>): MoviePage {
    const parameters = new URLSearchParams(
      Object.entries(query).map(([key, value]) => [key, String(value)] as [string, string]),
    );
    const page = Number(query['page']);
    const parsed = readMoviePage(JSON.parse(this.#routes.answer(path, parameters).body.toString()), page);
    if (!parsed) throw new Error(`${path} has no list`);
    return parsed;
  }
}

const answerWith = (parsed: MoviePage) => ({
  ...{ url: '', httpStatus: 200, fetchedAt: new Date(0), body: Buffer.alloc(0), parsed },
});
