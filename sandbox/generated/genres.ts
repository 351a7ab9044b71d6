import { type Genre, officialGenres } from '../catalogue.ts';
import { type Random, weighted } from '../random.ts';

/** The most common combinations of the recorded details and their counts; the first genre is the main one. */
const counted = `18:142, 35:123, 27 53:82, 18 10749:74, 35 18:67, 28 12 878:62, 35 10749:61, 18 36:47, 27:43, 28 53:43,
27 9648:35, 18 35:34, 35 18 10749:32, 28 12 14:31, 18 53:28, 10749 18:27, 28 80 53:26, 12 28 878:24, 18 80:22,
28 878 12:22, 80 18 53:20, 878 28 12:20, 28 35:20, 10749 35:19, 28 53 80:18, 28 53 878:18, 16 10751:17, 16 35 10751:17,
36 18:17, 28 12 53:16, 28 35 80:16, 27 9648 53:16, 12 14 28:15, 35 80:15, 12 10751 14:14, 28 878:13, 16 12 35 10751:13,
28 18 53:13, 28 80:12, 80 18:12, 28 53 80 18:11, 35 14:11, 18 10752:10, 35 10751:10, 16 35 10751 14:10, 28 12:10,
18 28:10, 99:9, 27 878 53:9, 28 12 18:9, 10751 35 12 16:9, 18 53 9648:8, 12 18:8, 10402 18:8, 53:7, 18 10402:7, 53 80:7,
18 36 10752:7, 35 10402:7, 35 27:7, 18 10751:7, 99 10402:7, 9648 53:6, 878 28 12 53:6, 878 18:6, 10749 35 18:6, 878 53:6,
10751 18:6, 18 14:5, 27 35:5, 12 18 10751:5, 37:5, 28 37:5, 10752 18 36:4, 37 18:4, 28 12 16 878 14:4, 10770 18:2, 10770:1`;

const byId = new Map(officialGenres.map((genre) => [genre.id, genre]));

const combination = weighted(
  counted.split(/,\s+/).map((entry): readonly [readonly Genre[], number] => {
    const [ids = '', count] = entry.split(':');
    return [ids.split(' ').flatMap((id) => byId.get(Number(id)) ?? []), Number(count)];
  }),
);

/** A recorded combination, sometimes with one more genre (the recordings contain 900 different ones). */
export function pickGenres(random: Random): readonly Genre[] {
  const genres = combination(random.next());
  if (!random.chance(0.15)) return genres;
  const extra = random.pick(officialGenres);
  return genres.includes(extra) ? genres : [...genres, extra];
}
