import type { Genre } from '../catalogue.ts';
import { hash32, hashUnit, Random, weighted } from '../random.ts';
import { type Company, pickCompanies } from './companies.ts';
import { pickGenres } from './genres.ts';
import { imagePath } from './images.ts';
import { countryNames, english, type Language, pickLanguage } from './languages.ts';
import { drawMoney, grown, type Money } from './money.ts';
import { collectionTitle, englishTitle, foreignTitle, overview, sequelTitle, tagline } from './titles.ts';

/** The keys of `GET /movie/{id}` in the order of 2026. */
export interface Movie {
  readonly adult: boolean;
  readonly backdrop_path: string | null;
  readonly belongs_to_collection: Collection | null;
  readonly budget: number;
  readonly genres: readonly Genre[];
  readonly homepage: string;
  readonly id: number;
  readonly imdb_id: string | null;
  readonly origin_country: readonly string[];
  readonly original_language: string;
  readonly original_title: string;
  readonly overview: string;
  readonly popularity: number;
  readonly poster_path: string | null;
  readonly production_companies: readonly Company[];
  readonly production_countries: readonly { readonly iso_3166_1: string; readonly name: string }[];
  readonly release_date: string;
  readonly revenue: number;
  readonly runtime: number | null;
  readonly softcore: boolean;
  readonly spoken_languages: readonly SpokenLanguage[];
  readonly status: string;
  readonly tagline: string;
  readonly title: string;
  readonly video: boolean;
  readonly vote_average: number;
  readonly vote_count: number;
}

interface Collection {
  readonly id: number;
  readonly name: string;
  readonly poster_path: string | null;
  readonly backdrop_path: string | null;
}

interface SpokenLanguage {
  readonly english_name: string;
  readonly iso_639_1: string;
  readonly name: string;
}

/** The inputs of a movie, in addition to its id. */
export interface MovieSeed {
  readonly seed: number;
  /** Its position on the popular list, from 0. */
  readonly rank: number;
  /** Its id as a share of the highest, 0 to 1: ids are assigned in the order of time. */
  readonly age: number;
  readonly version: number;
}

/** The date of the catalogue: later releases are in the future. */
const today = '2026-07-01';

/**
 * The details of a movie, a pure function of its id and `MovieSeed`. Oddities of the recordings appear here about
 * as often, and more often at the end of the list, where TMDb knows less: zeros and empty texts for unknown, empty lists, null.
 */
export function drawMovie(id: number, { seed, rank, age, version }: MovieSeed): Movie {
  const random = new Random(seed, id);
  const language = pickLanguage(random.next());
  const popularity = popularityAt(rank);
  // 0 at the top of the list, 1 at rank 100,000.
  const obscurity = Math.min(1.2, Math.log10(rank + 1) / 5);
  const releaseDate = drawReleaseDate(random, age, obscurity);
  const isReleased = releaseDate === '' ? random.chance(0.3) : releaseDate <= today;
  const collection = random.chance(0.3 - 0.2 * obscurity) ? random.int(3_000) : null;
  const titles = drawTitles(random, language, collection);
  const changed = lastChange(seed, id, version);
  const money = drawMoney(random, popularity, isReleased);
  const votes = drawVotes(random, popularity, releaseDate, isReleased);
  return assemble(id, random, {
    ...{ language, popularity, obscurity, releaseDate, isReleased, collection, ...titles },
    ...(changed > 0 ? aged(id, changed, { popularity, money, votes }) : { popularity, money, votes }),
  });
}

/** The number of companies of a movie, as recorded. */
const companyCount = weighted<number>([
  [1, 12],
  [2, 19],
  [3, 24],
  [4, 20],
  [5, 13],
  [6, 8],
  [7, 4],
  [8, 2],
  [10, 0.8],
  [17, 0.3],
]);

interface Drawn {
  readonly language: Language;
  readonly popularity: number;
  readonly obscurity: number;
  readonly releaseDate: string;
  readonly isReleased: boolean;
  readonly collection: number | null;
  readonly title: string;
  readonly originalTitle: string;
  readonly money: Money;
  readonly votes: Votes;
}

interface Votes {
  readonly average: number;
  readonly count: number;
}

function assemble(id: number, random: Random, drawn: Drawn): Movie {
  const { language, obscurity, releaseDate, title, money, votes } = drawn;
  const countries = drawCountries(random, language);
  return {
    adult: false,
    backdrop_path: random.chance(0.2 * obscurity) ? null : imagePath(hash32(id, 1)),
    belongs_to_collection: drawn.collection === null ? null : collectionOf(drawn.collection),
    budget: money.budget,
    genres: random.chance(0.04 * obscurity) ? [] : pickGenres(random),
    homepage: random.chance(0.2 + 0.5 * obscurity) ? '' : homepageOf(title, id),
    id,
    imdb_id: drawImdbId(random, obscurity),
    origin_country: random.chance(0.003) ? [] : countries,
    original_language: language.code,
    original_title: drawn.originalTitle,
    overview: random.chance(0.04 * obscurity) ? '' : overview(random),
    popularity: drawn.popularity,
    poster_path: random.chance(0.05 * obscurity) ? null : imagePath(hash32(id, 2)),
    production_companies: random.chance(0.2 * obscurity) ? [] : pickCompanies(random, companyCount(random.next())),
    production_countries: countries.map((code) => ({ iso_3166_1: code, name: countryNames[code] ?? '' })),
    release_date: releaseDate,
    revenue: money.revenue,
    runtime: drawRuntime(random, obscurity),
    softcore: false,
    spoken_languages: spokenLanguages(random, language),
    status: drawStatus(random, drawn),
    tagline: random.chance(0.1 + 0.5 * obscurity) ? '' : tagline(random),
    title,
    video: random.chance(0.003),
    vote_average: votes.average,
    vote_count: votes.count,
  };
}

/** A power law fitted to the recorded list of 2026: about 450 at the top, 100 at rank 20, 9 at rank 1,000. */
const popularityAt = (rank: number): number => Math.max(0.01, roundTo(450 * (rank + 1) ** -0.57, 4));

const roundTo = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits;

/** The last version up to `version` in which the movie changed; 0 if it never did. */
function lastChange(seed: number, id: number, version: number): number {
  for (let candidate = version; candidate > 0; candidate -= 1) {
    if (hashUnit(seed, id, candidate) < changedShare) return candidate;
  }
  return 0;
}

/** Share of the movies that a new version changes. */
const changedShare = 0.3;

/** Votes only grow; popularity changes slightly, so the list is no longer strictly sorted. */
const aged = (id: number, version: number, now: Pick<Drawn, 'popularity' | 'money' | 'votes'>) => ({
  popularity: roundTo(now.popularity * (0.95 + 0.1 * hashUnit(id, version, 5)), 4),
  money: { budget: now.money.budget, revenue: grown(now.money.revenue, id, version) },
  votes: { average: now.votes.average, count: now.votes.count === 0 ? 0 : now.votes.count + 3 * version },
});

/** Much of the list is new, the rest is spread over the past. */
function drawReleaseDate(random: Random, age: number, obscurity: number): string {
  if (random.chance(0.002 + 0.02 * obscurity)) return '';
  const enteredYear = 2008 + Math.floor(18.999 * Math.sqrt(age));
  const yearsBefore = random.chance(0.4) ? random.int(2) : Math.floor(-14 * Math.log(1 - random.next()));
  const year = Math.max(1920, enteredYear - yearsBefore);
  const dayOfYear = random.int(365);
  return new Date(Date.UTC(year, 0, 1 + dayOfYear)).toISOString().slice(0, 10);
}

/** A title without a translation is the original one. */
function drawTitles(random: Random, language: Language, collection: number | null) {
  const title = collection === null ? englishTitle(random) : sequelTitle(random, collection);
  if (language === english) return { title, originalTitle: title };
  const originalTitle = foreignTitle(random, language);
  return { title: random.chance(0.3) ? originalTitle : title, originalTitle };
}

function drawVotes(random: Random, popularity: number, releaseDate: string, isReleased: boolean): Votes {
  const years = releaseDate === '' ? 1 : Math.max(0, 2026 - Number(releaseDate.slice(0, 4)));
  const spread = Math.exp(0.9 * random.normal());
  const average = Math.min(9.8, Math.max(1, 6.4 + 0.95 * random.normal()));
  const digits = random.next();
  const count = Math.min(40_000, Math.round(25 * popularity ** 0.8 * (1 + years) ** 0.8 * spread));
  if (!isReleased || count === 0) return { average: 0, count: 0 };
  return { average: roundTo(average, digits < 0.02 ? 0 : digits < 0.1 ? 1 : 3), count };
}

function drawImdbId(random: Random, obscurity: number): string | null {
  const number = random.int(36_000_000) + 1;
  if (random.chance(0.1 * obscurity)) return random.chance(0.7) ? null : '';
  return `tt${String(number).padStart(7, '0')}`;
}

function drawRuntime(random: Random, obscurity: number): number | null {
  const minutes = Math.round(Math.min(240, Math.max(40, 106 + 19 * random.normal())));
  if (random.chance(0.005 + 0.06 * obscurity)) return random.chance(0.05) ? null : 0;
  return minutes;
}

function drawStatus(random: Random, { isReleased, releaseDate }: Drawn): string {
  if (isReleased) return 'Released';
  if (releaseDate !== '') return random.chance(0.6) ? 'Post Production' : 'In Production';
  return random.pick(['Planned', 'In Production', 'Rumored', 'Planned', 'Canceled']);
}

/** A sixth is made by several countries. */
function drawCountries(random: Random, language: Language): string[] {
  const first = random.pick(language.countries);
  if (!random.chance(0.16)) return [first];
  const second = random.pick(['US', 'GB', 'FR', 'CA', 'DE', 'CN', 'BE', 'ES']);
  return first === second ? [first] : [first, second];
}

function spokenLanguages(random: Random, language: Language): SpokenLanguage[] {
  const spoken = [toSpoken(language)];
  while (random.chance(0.27)) {
    const other = random.chance(0.01) ? pickLanguage(0.9999) : pickLanguage(random.next());
    if (!spoken.some(({ iso_639_1 }) => iso_639_1 === other.code)) spoken.push(toSpoken(other));
  }
  return spoken;
}

const toSpoken = ({ code, englishName, name }: Language): SpokenLanguage => ({
  english_name: englishName,
  iso_639_1: code,
  name,
});

const collectionOf = (collection: number): Collection => ({
  id: 1_000 + collection * 11,
  name: `${collectionTitle(collection)} Collection`,
  poster_path: hash32(collection, 1) % 12 === 0 ? null : imagePath(hash32(collection, 2)),
  backdrop_path: hash32(collection, 1) % 7 === 0 ? null : imagePath(hash32(collection, 3)),
});

/** In the domain reserved for examples: it never resolves. */
const homepageOf = (title: string, id: number) =>
  `https://${
    title
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '') || `movie-${id}`
  }.example/`;
