import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import type { RawMovie } from '../../schemas/records.ts';

const goneDocument = Buffer.from(
  '{"success":false,"status_code":34,"status_message":"The resource you requested could not be found."}',
);

/** TMDb's answers for `count` different invented movies, in the order of the popular list. */
export function* rawMovies(count: number): Generator<RawMovie> {
  const catalogue = new GeneratedCatalogue({ movies: count });
  const fetchedAt = new Date();
  for (let rank = 0; rank < count; rank += 1) {
    const movieId = catalogue.idAtRank(rank);
    const document = catalogue.document(movieId);
    yield {
      movieId,
      sourceUrl: `https://api.themoviedb.org/3/movie/${movieId}`,
      httpStatus: document ? 200 : 404,
      fetchedAt,
      body: document ?? goneDocument,
    };
  }
}
