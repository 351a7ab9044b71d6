const pattern = /^[A-Za-z_][A-Za-z0-9_$]{0,254}$/;

export const identifierHint = 'letters, digits, _ and $, and no digit first';

/** A name from the settings as Snowflake stores it, in upper case; null for one that would have to be quoted everywhere. */
export const parseIdentifier = (text: string): string | null => (pattern.test(text) ? text.toUpperCase() : null);

/** `LECTURE_DE.BRONZE` → `"LECTURE_DE"."BRONZE"`: parts that `parseIdentifier` gave, safe even where one is a reserved word. */
export const quoted = (name: string): string =>
  name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');

/** A name that SHOW gave bare, as it stands within a longer one: quoted only where it must be. */
export const part = (name: string): string =>
  /^[A-Z_][A-Z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

/** Quotes off where they say nothing: answers differ in whether they have them. */
export const unquoted = (name: string): string => name.replaceAll(/"([A-Z_][A-Z0-9_$]*)"/g, '$1');
