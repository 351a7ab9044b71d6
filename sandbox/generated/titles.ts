import type { Random } from '../random.ts';
import { hash32 } from '../random.ts';
import type { Language } from './languages.ts';
import { adjectives, heroes, nouns, people, places, taglines, troubles, turns } from './words.ts';

const englishPatterns: readonly ((random: Random) => string)[] = [
  (random) => `The ${random.pick(adjectives)} ${random.pick(nouns)}`,
  (random) => `The ${random.pick(adjectives)} ${random.pick(nouns)}`,
  (random) => `${random.pick(adjectives)} ${random.pick(nouns)}`,
  (random) => `The ${random.pick(nouns)} of ${random.pick(places)}`,
  (random) => `${random.pick(people)}'s ${random.pick(nouns)}`,
  (random) => `A ${random.pick(nouns)} in ${random.pick(places)}`.replace(/^A (?=[AEIO])/, 'An '),
  (random) => `${random.pick(people)} & ${random.pick(people)}`,
  (random) => `${random.pick(nouns)}: ${random.pick(adjectives)} ${random.pick(nouns)}`,
  (random) => `The ${random.pick(nouns)} and the ${random.pick(nouns)}`,
  (random) => `${random.pick(nouns)}`,
  (random) => `Who Stole the ${random.pick(nouns)}?`,
  (random) => `${2 + random.int(98)} ${random.pick(nouns)}s`.replace(/ys$/, 'ies').replace(/fs$/, 'ves'),
  (random) => `${random.pick(people)} Goes to ${random.pick(places)}`,
  (random) => `Midnight in ${random.pick(places)}`,
];

/** Rare but real: titles that break a quoted string, a terminal or a column of fixed width. */
const oddPatterns: readonly ((random: Random) => string)[] = [
  (random) => `I <3 ${random.pick(places)}`,
  (random) => `"${random.pick(nouns)}"`,
  (random) => `${random.pick(nouns)} 🎬`,
  (random) => `#${random.pick(nouns)}; or, The ${random.pick(adjectives)} ${random.pick(nouns)}`,
  (random) => `${1 + random.int(9)}½`,
  (random) => `👨‍🚀 ${random.pick(nouns)} 🌙`,
  (random) => `${random.pick(people)} \\ ${random.pick(people)}, 100%`,
];

export const englishTitle = (random: Random): string =>
  random.chance(0.004) ? random.pick(oddPatterns)(random) : random.pick(englishPatterns)(random);

export const foreignTitle = (random: Random, { heads, tails, between }: Language): string =>
  random.pick(heads) + between + random.pick(tails);

/** A series of movies; its id, name and pictures are derived from its number. */
export const collectionTitle = (collection: number): string => {
  const adjective = adjectives[hash32(collection, 11) % adjectives.length] ?? '';
  const noun = nouns[hash32(collection, 12) % nouns.length] ?? '';
  return `The ${adjective} ${noun}`;
};

export const sequelTitle = (random: Random, collection: number): string => {
  const base = collectionTitle(collection);
  const part = 1 + random.int(6);
  if (part === 1) return base;
  return random.chance(0.5) ? `${base} ${part}` : `${base}: ${random.pick(nouns)} of ${random.pick(places)}`;
};

export const tagline = (random: Random): string => random.pick(taglines);

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Four to twelve sentences without duplicates, as long as an overview can be. */
export function overview(random: Random): string {
  const opening = random.chance(0.5)
    ? `In ${random.pick(places)}, ${random.pick(heroes)}`
    : capital(random.pick(heroes));
  let text = `${opening} ${random.pick(troubles)}.`;
  const more = 3 + random.int(9);
  for (let sentence = 0; sentence < more; sentence += 1) {
    const turn = random.pick(turns);
    text += random.chance(0.6) && !text.includes(turn) ? ` ${turn}` : ` ${newcomer(random)}`;
  }
  return text;
}

const newcomer = (random: Random) => `${random.pick(people)}, ${random.pick(heroes)}, ${random.pick(troubles)}.`;
