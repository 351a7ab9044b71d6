import type { Budget } from './budget.ts';
import type { Suite } from './suites.ts';

/** For a suite without an entry in the budget. */
const unknownMinutes = 10;

/** The longest time that a shard may take, as the full tier promises. */
export const longestShardMinutes = 25;

export const minutesOf = (name: string, budget: Budget): number => budget[name]?.minutes ?? unknownMinutes;

/** Whether the minutes of a suite were measured. A run with a time limit does not start a suite that was never measured. */
export const isMeasured = (name: string, budget: Budget): boolean => typeof budget[name]?.cpuSeconds === 'number';

/**
 * Distributes names over `count` shards of about the same length, always in the same way.
 * @throws RangeError if a shard would take longer than the limit.
 */
export function shards(names: readonly string[], count: number, budget: Budget): string[][] {
  const minutes = (name: string): number => minutesOf(name, budget);
  const dealt = Array.from({ length: count }, (): { names: string[]; minutes: number } => ({ names: [], minutes: 0 }));
  for (const name of names.toSorted((a, b) => minutes(b) - minutes(a) || a.localeCompare(b))) {
    const shortest = dealt.reduce((least, shard) => (shard.minutes < least.minutes ? shard : least));
    shortest.names.push(name);
    shortest.minutes += minutes(name);
  }
  const longest = Math.max(...dealt.map((shard) => shard.minutes));
  if (longest > longestShardMinutes) {
    const all = names.reduce((sum, name) => sum + minutes(name), 0);
    throw new RangeError(
      `a shard of ${count} would take ${longest.toFixed(0)} minutes, and ${longestShardMinutes} is the limit: ` +
        `ask for ${Math.max(count + 1, Math.ceil(all / longestShardMinutes))} shards or more`,
    );
  }
  return dealt.map((shard) => shard.names);
}

/** `2/4` → index 1 of 4. @throws RangeError if the text does not name a shard. */
export function parseShard(text: string): { readonly index: number; readonly count: number } {
  const [, number, count] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (number === undefined || count === undefined || number < 1 || number > count) {
    throw new RangeError(`"${text}" is no shard: say which of how many, such as 2/4`);
  }
  return { index: number - 1, count };
}

const isWithin = (file: string, place: string): boolean => file === place || file.startsWith(place);

/** Whether a changed file is covered by the suite, or is one of its tests. */
export const isTouched = (suite: Suite, changed: readonly string[]): boolean =>
  placesTouched(suite, changed).length > 0;

/** Whole days since 1970 in UTC. The rotation starts at a different suite each day. */
export const dayNumber = (date: Date): number => Math.floor(date.getTime() / 86_400_000);

/**
 * The order in which suites run if there may not be time for all. Suites that the change touches come first, sorted by how
 * specific their places are; then the rest. Among equals, a different suite is first each day.
 */
export function order(all: readonly Suite[], changed: readonly string[], day: number): Suite[] {
  const start = all.length === 0 ? 0 : day % all.length;
  const rotated = [...all.slice(start), ...all.slice(0, start)];
  const depth = (suite: Suite): number =>
    Math.max(0, ...placesTouched(suite, changed).map((place) => place.split('/').length));
  return rotated.toSorted((a, b) => depth(b) - depth(a));
}

const placesTouched = ({ touches, files = [] }: Suite, changed: readonly string[]): string[] =>
  [...touches, ...files].filter((place) => changed.some((file) => isWithin(file, place)));
