import { type Gap, parseGap } from '../../kafka/gap.ts';
import { UsageError } from '../../runtime/errors.ts';
import { orNull } from '../../runtime/or-null.ts';
import { parseDuration } from '../../runtime/units.ts';
import { movieIdOf } from '../../schemas/record-rules.ts';
import type { ValueType } from './option.ts';

/** A time as it was given: a point in time, or an age that is counted from a time known only when the command runs. */
export type Moment = { readonly text: string } & ({ readonly at: number } | { readonly age: number });

/** @param now milliseconds since the epoch. @returns milliseconds since the epoch. */
const timeAt = (moment: Moment, now: number): number => ('at' in moment ? moment.at : now - moment.age);

/** A span of time: from `since` on, before `until` (milliseconds since the epoch). */
export interface Span {
  readonly since?: number;
  readonly until?: number;
}

/** @param now milliseconds since the epoch, from which ages are counted. @throws UsageError for an empty span. */
export function spanOf(options: Readonly<Record<'since' | 'until', Moment | undefined>>, now: number): Span {
  const since = options.since && timeAt(options.since, now);
  const until = options.until && timeAt(options.until, now);
  if (since !== undefined && until !== undefined && since >= until) {
    throw new UsageError('--since must be before --until');
  }
  return { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
}

const isoTime = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** A time without a zone is UTC. */
export const moment: ValueType<Moment> = {
  placeholder: 'TIME',
  form: 'a time such as 2026-05-01T12:00Z, or an age such as 2h',
  parse: (text) => {
    const age = parseDuration(text);
    if (age !== null) return { text, age };
    const [whole, zone] = isoTime.exec(text) ?? [];
    const isLocal = whole?.includes('T') && zone === undefined;
    const at = whole === undefined ? Number.NaN : Date.parse(isLocal ? `${whole}Z` : whole);
    return Number.isFinite(at) ? { text, at } : undefined;
  },
};

/** Milliseconds. */
export const interval: ValueType<number> = {
  placeholder: 'TIME',
  form: 'a time from 1s on, such as 15m or 6h',
  parse: (text) => {
    const ms = parseDuration(text);
    return ms !== null && ms >= 1_000 ? ms : undefined;
  },
};

const maxPages = 500;

export const pages: ValueType<number> = {
  placeholder: 'N|all',
  form: `a number from 1 to ${maxPages} or "all"`,
  parse: (text) => (text === 'all' ? maxPages : wholeNumber(text, 1, maxPages)),
};

/** A whole number within bounds, both included. */
export const count = (min: number, max: number): ValueType<number> => ({
  placeholder: 'N',
  form: `a whole number from ${min} to ${max}`,
  parse: (text) => wholeNumber(text, min, max),
});

function wholeNumber(text: string, min: number, max: number): number | undefined {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

export const movieId: ValueType<number> = {
  placeholder: 'ID',
  form: 'the number of a movie, such as 603',
  parse: (text) => movieIdOf(text) ?? undefined,
};

export const gap: ValueType<Gap> = {
  placeholder: 'GAP',
  form: 'a gap as in the error message, such as tmdb.raw-movies/0/100-199',
  parse: (text) => parseGap(text) ?? undefined,
};

/** An offset of one partition, or of every partition. */
export interface FromOffset {
  readonly partition: number | undefined;
  readonly offset: bigint;
}

export const fromOffset: ValueType<FromOffset> = {
  placeholder: 'OFFSET',
  form: 'OFFSET or PARTITION:OFFSET, such as 2:1500',
  parse: (text) => {
    const [, partition, offset] = /^(?:(\d{1,6}):)?(\d{1,19})$/.exec(text) ?? [];
    if (offset === undefined) return undefined;
    return { partition: partition === undefined ? undefined : Number(partition), offset: BigInt(offset) };
  },
};

/** One of a few words. */
export const oneOf = <T extends string>(placeholder: string, choices: readonly T[]): ValueType<T> => ({
  placeholder,
  form: `one of ${choices.join(', ')}`,
  choices,
  parse: (text) => choices.find((choice) => choice === text),
});

/** A range of milliseconds, such as 20-120. */
export const millisecondRange: ValueType<readonly [number, number]> = {
  placeholder: 'MIN-MAX',
  form: 'milliseconds such as 20-120',
  parse: (text) => {
    const [, min, max] = /^(\d{1,6})-(\d{1,6})$/.exec(text) ?? [];
    if (min === undefined || max === undefined || Number(min) > Number(max)) return undefined;
    return [Number(min), Number(max)];
  },
};

/** Any non-empty text. @param form such as `a host name, such as 127.0.0.1`. */
export const text = (placeholder: string, form: string, pattern = /\S/): ValueType<string> => ({
  placeholder,
  form,
  parse: (given) => (pattern.test(given) ? given : undefined),
});

/** A list in JSON, as text. @param form such as `names as a JSON list, such as ["a"]`. */
export const jsonList = (placeholder: string, form: string): ValueType<string> => ({
  placeholder,
  form,
  parse: (given) => (Array.isArray(orNull(() => JSON.parse(given))) ? given : undefined),
});

/** The path of a file that the command reads. */
export const file = (form: string): ValueType<string> => ({ ...text('FILE', form), isFile: true });
