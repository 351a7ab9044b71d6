import type { GoldValue } from '../warehouse/gold-reader.ts';

/** A spreadsheet takes a text with one of these at its start for a formula. */
const formulaStart = /^[\s\p{C}]*[=+\-@|%＝＋－＠\t\r]/u;

/**
 * One field of a CSV file. A text that a spreadsheet could take for a formula begins with an apostrophe. A number is written as it is,
 * also a negative one. An unknown value is empty.
 */
export function csvField(value: GoldValue): string {
  if (value === null) return '';
  if (typeof value !== 'string' || /^-?\d+(?:\.\d+)?$/.test(value)) return String(value);
  const safe = formulaStart.test(value) ? `'${value}` : value;
  // A spreadsheet may separate by semicolons or tabs instead.
  return /[",;\t\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A CSV file by RFC 4180, with the mark by which spreadsheets know UTF-8. */
export const csvFile = (header: readonly string[], rows: readonly (readonly GoldValue[])[]): string =>
  `\ufeff${[header, ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('')}`;
