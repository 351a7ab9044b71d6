const pattern = /^[A-Za-z_][A-Za-z0-9_$]{0,254}$/;

export const identifierHint = 'letters, digits, _ and $, and no digit first';

/** A name from the settings as Snowflake stores it, in upper case; null for one that would always need quotes. */
export const parseIdentifier = (text: string): string | null => (pattern.test(text) ? text.toUpperCase() : null);

/** `LECTURE_DE.BRONZE` → `"LECTURE_DE"."BRONZE"`: parts from `parseIdentifier`, safe even if one is a reserved word. */
export const quoted = (name: string): string =>
  name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');

/** A name without quotes from SHOW, as part of a longer one: quoted only if necessary. */
export const part = (name: string): string =>
  /^[A-Z_][A-Z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

/** Removes quotes that have no effect: Snowflake's answers are not consistent about them. */
export const unquoted = (name: string): string => name.replaceAll(/"([A-Z_][A-Z0-9_$]*)"/g, '$1');
