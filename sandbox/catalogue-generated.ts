import { UsageError } from '../runtime/errors.ts';
import { type Catalogue, type ExportedMovie, officialGenres, toListItem } from './catalogue.ts';
import { drawMovie, type Movie } from './generated/movie.ts';
import { Universe } from './generated/universe.ts';
import { hash32, hashUnit } from './random.ts';
import { sandboxDefaults } from './settings.ts';

export interface GeneratedOptions {
  /** @default that of SANDBOX_SEED */
  readonly seed?: number | undefined;
  /** The number of movies, 1 to 500,000,000. @default that of SANDBOX_MOVIES */
  readonly movies?: number | undefined;
  /** Each version changes numbers of 30 % of the movies: votes, revenue, popularity. @default 0 */
  readonly version?: number | undefined;
}

/** Share of the listed movies that have been deleted: their details answer 404, code 34. */
const deletedShare = 0.002;
/** A prime: steps of this size visit each rank once, in no order. */
const exportStride = 15_485_863;
/** Share of the movies that are edited on a day; on TMDb's changes list of 2026-06 it was 0.7 %. */
const changedShare = 0.007;

/**
 * Invented movies. Everything is computed from seed, size, version and id, and nothing is stored, so a
 * million movies need no more memory than ten.
 */
export class GeneratedCatalogue implements Catalogue {
  readonly size: number;
  readonly genres = officialGenres;
  readonly #seed: number;
  readonly #universe: Universe;
  #version: number;

  /** @throws UsageError if the size is invalid. */
  constructor({ seed = sandboxDefaults.seed, movies = sandboxDefaults.movies, version = 0 }: GeneratedOptions = {}) {
    if (!Number.isInteger(movies) || movies < 1 || movies > 500_000_000) {
      throw new UsageError(`expected 1 to 500,000,000 movies, got ${movies}`);
    }
    this.size = movies;
    this.#seed = seed;
    this.#universe = new Universe(movies, seed);
    this.#version = version;
  }

  setVersion(version: number): void {
    this.#version = version;
  }

  /** The movie at a position of the popular list, 0 to size - 1. Over all ranks, each id appears once. */
  idAtRank(rank: number): number {
    return this.#universe.idAtRank(rank);
  }

  /** Listed, but deleted. */
  isDeleted(id: number): boolean {
    return hashUnit(this.#seed, id, 0, 404) < deletedShare;
  }

  /** null: no movie ever had this id. Deleted movies are included, as on the popular list. */
  movie(id: number): Movie | null {
    const index = this.#universe.indexOf(id);
    if (index === null) return null;
    const rank = this.#universe.rankOf(index);
    return drawMovie(id, { seed: this.#seed, rank, age: index / this.size, version: this.#version });
  }

  document(id: number): Buffer | null {
    if (this.isDeleted(id)) return null;
    const movie = this.movie(id);
    return movie && Buffer.from(JSON.stringify(movie));
  }

  listItem(rank: number) {
    const movie = this.movie(this.idAtRank(rank));
    if (!movie) throw new RangeError(`Expected a rank below ${this.size}, got ${rank}`);
    return toListItem({ ...movie });
  }

  /** In no order, like TMDb's. Titles and popularity are not those of the details: drawing a million movies for one file would take a minute. */
  *exported(): Generator<ExportedMovie> {
    const stride = this.size % exportStride === 0 ? 1 : exportStride;
    for (let line = 0; line < this.size; line += 1) {
      const rank = (line * stride) % this.size;
      const id = this.#universe.idAtRank(rank);
      if (this.isDeleted(id)) continue;
      yield { adult: false, id, original_title: `Movie ${id}`, popularity: this.size - rank, video: false };
    }
  }

  /** In no order, like TMDb's. */
  *changedOn(day: number): Generator<number> {
    const count = Math.round(this.size * changedShare);
    for (let index = 0; index < count; index += 1) {
      yield this.#universe.idAt(hash32(this.#seed, day, index) % this.size);
    }
  }
}
