import { isUnknown, prefixes } from '../../platform/unknown-settings.ts';

/** Names that begin like settings: objects in Snowflake, and the example of a misspelled setting. */
const others = new Set(['LOAD_FILES', 'LOAD_LINES', 'LOAD_LOCK', 'LOAD_POSITIONS', 'LOAD_BATCHES', 'TMDB_RATELIMIT']);

/** The variables with a prefix of ours in a text. */
export const settingNamesIn = (text: string): string[] =>
  [...text.matchAll(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g)]
    .map(([name]) => name)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)) && !others.has(name));

/** Those variables that are not settings. */
export const unknownNamesIn = (text: string): string[] => settingNamesIn(text).filter((name) => isUnknown(name));
