import { type AppendedPart, parsePart } from '../../tmdb/appended-parts.ts';
import { hash32, Random } from '../random.ts';
import { imagePath } from './images.ts';
import { adjectives, nouns, people } from './words.ts';

const personCount = 60_000;
const jobs = [
  ['Directing', 'Director'],
  ['Writing', 'Screenplay'],
  ['Production', 'Producer'],
  ['Camera', 'Director of Photography'],
  ['Editing', 'Editor'],
  ['Sound', 'Original Music Composer'],
  ['Art', 'Production Design'],
  ['Costume & Make-Up', 'Costume Design'],
  ['Visual Effects', 'Visual Effects Supervisor'],
] as const;
const countries = ['US', 'GB', 'FR', 'DE', 'JP', 'BR', 'ES', 'IT', 'KR', 'IN', 'CA', 'AU', 'MX', 'NL', 'SE', 'PL'];
const certifications = ['', 'PG', 'PG-13', 'R', '12', '16', '18'];
/** Premiere, limited, theatrical, digital, physical, TV. */
const releaseTypes = 6;

const drawings: Readonly<Record<AppendedPart, (random: Random) => unknown>> = {
  release_dates: (random) => ({ results: countries.slice(random.int(countries.length + 1)).map(releasesIn(random)) }),
  credits: (random) => ({
    cast: Array.from({ length: listLength(random) }, (_, order) => castMember(random, order)),
    crew: Array.from({ length: listLength(random) }, () => crewMember(random)),
  }),
  keywords: (random) => ({ keywords: Array.from({ length: random.int(16) }, () => keyword(random)) }),
};

/**
 * The parts of a movie that TMDb would add to its details, by name. They depend only on the movie's id. @param names other texts
 * are ignored, as TMDb does.
 */
export function drawParts(movieId: number, names: readonly string[]): Readonly<Record<string, unknown>> {
  const parts = names.map(parsePart).filter((part) => part !== null);
  return Object.fromEntries(parts.map((part) => [part, drawings[part](new Random(movieId, part.length, 7))]));
}

/** The document with these keys at its end, except those that it has. Its other bytes stay as they are. */
export function withParts(document: Buffer, parts: Readonly<Record<string, unknown>>): Buffer {
  if (Object.keys(parts).length === 0) return document;
  const known = JSON.parse(document.toString());
  const added = Object.entries(parts).filter(([name]) => !Object.hasOwn(known, name));
  const texts = added.map(([name, part]) => `,${JSON.stringify(name)}:${JSON.stringify(part)}`);
  const end = document.lastIndexOf('}');
  return Buffer.concat([document.subarray(0, end), Buffer.from(texts.join('')), document.subarray(end)]);
}

/** Most lists are short, a few have hundreds of members. */
const listLength = (random: Random): number => Math.min(400, Math.floor(-25 * Math.log(1 - random.next())));

const pickFrom = <T>(list: readonly T[], number: number): T => list[number % list.length] as T;

function person(random: Random) {
  // The square makes some people frequent.
  const id = 1 + Math.floor(personCount * random.next() ** 2);
  const name = `${pickFrom(people, hash32(id, 1))} ${pickFrom(nouns, hash32(id, 2))}`;
  return {
    adult: false,
    gender: hash32(id, 3) % 4,
    id,
    known_for_department: pickFrom(jobs, hash32(id, 4))[0],
    name,
    original_name: name,
    popularity: (hash32(id, 5) % 50_000) / 10_000,
    profile_path: hash32(id, 6) % 3 === 0 ? null : imagePath(hash32(id, 7)),
  };
}

const creditId = (random: Random): string =>
  Array.from({ length: 3 }, () =>
    random
      .int(2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('');

const castMember = (random: Random, order: number) => ({
  ...person(random),
  cast_id: order + 1,
  character: random.chance(0.05) ? '' : `${random.pick(people)} ${random.pick(nouns)}`,
  credit_id: creditId(random),
  order,
});

function crewMember(random: Random) {
  const [department, job] = random.pick(jobs);
  return { ...person(random), credit_id: creditId(random), department, job };
}

function keyword(random: Random) {
  const id = 1 + random.int(5_000);
  return { id, name: `${pickFrom(adjectives, hash32(id, 1))} ${pickFrom(nouns, hash32(id, 2))}`.toLowerCase() };
}

const releasesIn = (random: Random) => (country: string) => ({
  iso_3166_1: country,
  release_dates: Array.from({ length: 1 + random.int(3) }, () => ({
    certification: random.pick(certifications),
    descriptors: [],
    iso_639_1: '',
    note: '',
    release_date: `${new Date(Date.UTC(1990 + random.int(36), random.int(12), 1 + random.int(28))).toISOString()}`,
    type: 1 + random.int(releaseTypes),
  })),
});
