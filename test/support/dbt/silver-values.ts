import type { Fields } from './documents.ts';

/** The allowed values of a SILVER column for a document, judged by the document's own text. */
export interface Allowed {
  /** The field in the document. */
  readonly key: string;
  readonly column: string;
  /** As DuckDB writes them as text; null if the column may be NULL. */
  readonly values: readonly (string | null)[];
  /** Whether NULL must be named in `unusable_fields`. */
  readonly isToldWhenNull: boolean;
}

type Reader = (json: string) => { readonly values: readonly (string | null)[]; readonly isToldWhenNull?: boolean };

const max64 = 2n ** 63n - 1n;

/** The value of a number's or a text's digits; null if it is not an integer. */
function wholeNumber(json: string): bigint | null {
  const text = json.startsWith('"') ? String(JSON.parse(json)).trim() : json;
  const match = /^([+-]?\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (!match) return null;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const shift = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  return digits % 10n ** BigInt(-shift) === 0n ? digits / 10n ** BigInt(-shift) : null;
}

const integer =
  (least: bigint, most: bigint): Reader =>
  (json) => {
    const value = wholeNumber(json);
    const isTrue = value !== null && value >= least && value <= most;
    const isPlain = /^-?\d+$/.test(json);
    if (isPlain && isTrue) return { values: [String(value)] };
    // Zero means unknown, so it is not unusable.
    return { values: isTrue ? [null, String(value)] : [null], isToldWhenNull: isPlain && value !== 0n };
  };

const double =
  (most: number): Reader =>
  (json) => {
    const value = Number(json.startsWith('"') ? JSON.parse(json) : json);
    const isNumber = /^[-\d]/.test(json);
    if (isNumber && value >= 0 && value <= most) return { values: [String(value)] };
    return { values: value >= 0 && value <= most ? [null, String(value)] : [null], isToldWhenNull: isNumber };
  };

const day: Reader = (json) => {
  const text: unknown = json.startsWith('"') ? JSON.parse(json) : null;
  if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(text)) return { values: [null] };
  const date = new Date(`${text}T00:00:00Z`);
  const isDay = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
  const isWithin = isDay && text >= '1874-01-01' && text <= '2100-12-31';
  return isWithin ? { values: [text] } : { values: [null], isToldWhenNull: true };
};

/** Invisible characters: a text that consists only of them counts as empty. */
const isInvisible = (value: string): boolean =>
  /^[\s\u0085\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\u2800\u3164\ufeff]*$/.test(value);

const text: Reader = (json) => {
  if (!json.startsWith('"')) return { values: [null], isToldWhenNull: json !== 'null' };
  const value = String(JSON.parse(json));
  return { values: [isInvisible(value) ? null : `=${value}`] };
};

const columns: readonly (readonly [key: string, column: string, reader: Reader])[] = [
  ['title', 'title', text],
  ['original_title', 'original_title', text],
  ['original_language', 'original_language', text],
  ['status', 'status', text],
  ['imdb_id', 'imdb_id', text],
  ['poster_path', 'poster_path', text],
  ['overview', 'overview', text],
  ['tagline', 'tagline', text],
  ['release_date', 'release_date', day],
  ['budget', 'budget_usd', integer(1n, max64)],
  ['revenue', 'revenue_usd', integer(1n, max64)],
  ['runtime', 'runtime_minutes', integer(1n, 2n ** 31n - 1n)],
  ['vote_count', 'vote_count', integer(0n, 1_000_000_000n)],
  ['popularity', 'popularity', double(1e9)],
];

/** Texts are compared from their first character on: a client may omit a byte order mark at the start. */
const quoted = columns.filter(([, , reader]) => reader === text).map(([, column]) => `'=' || ${column} as ${column}`);

export const silverSql = `select * replace (release_date::varchar as release_date, ${quoted.join(', ')}) from silver.silver_movies`;

/** For each column that depends on one field only. A duplicate key may be read as any of its values. */
export function allowedValues(fields: Fields): Allowed[] {
  return columns.flatMap(([key, column, reader]) => {
    const read = fields.filter(([name]) => name === key).map(([, json]) => reader(json));
    if (read.some(({ values }) => values.length === 0)) return [];
    return {
      key,
      column,
      values: read.length === 0 ? [null] : read.flatMap(({ values }) => values),
      isToldWhenNull: read.length > 0 && read.every(({ isToldWhenNull }) => isToldWhenNull === true),
    };
  });
}
