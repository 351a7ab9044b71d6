import type { ParseArgsConfig } from 'node:util';
import { type Gap, parseGap } from '../kafka/gap.ts';
import type { Config } from '../platform/config.ts';
import type { Written } from '../platform/places.ts';
import type { Context } from '../platform/platform.ts';
import { UsageError } from '../runtime/errors.ts';
import { escapeControls, escapeLines } from '../runtime/escape-controls.ts';
import { scrub, scrubAll } from '../runtime/scrub.ts';
import type { Secret } from '../runtime/secret.ts';
import { parseDuration } from '../runtime/units.ts';

/** One word of the command line. */
export interface Command {
  /** One line for the overview. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  readonly takesPositionals?: boolean;
  /**
   * Whether it runs until it is stopped: then a signal is its regular end, with exit code 0, logs tell what it does, and
   * no progress is shown.
   */
  isService?(values: Values): boolean;
  /** Whether it asks no warehouse anything: then it needs no account and no credentials of one. */
  isOffline?(values: Values): boolean;
  /** What it writes on this machine: tried before it starts. */
  readonly writes: readonly Written[];
  /** How much is logged when LOG_LEVEL is not set; the standard is `info` for a service and `warn` for the others. */
  readonly logLevel?: NonNullable<Config['logLevel']>;
  /** @returns the exit code. @throws IngestError with one. */
  run(context: Context, values: Values, positionals: readonly string[]): Promise<number>;
}

/** Options as given, by name. */
export type Values = Readonly<Record<string, unknown>>;

export const jsonOption = { json: { type: 'boolean' } } as const;

let secrets: readonly Secret[] = [];

/** What nothing that is printed from now on may contain, whatever others have written. */
export const neverPrint = (known: readonly Secret[]): void => {
  secrets = known;
};

/** Data for standard output: JSON for a program, `text` for a person. Neither holds a secret or steers a terminal. */
export function print(values: Values, data: unknown, text: (() => string) | string): void {
  const json = () =>
    escapeControls(JSON.stringify(scrubAll(JSON.parse(JSON.stringify(data, bigintAsNumber)), secrets)));
  const plain = () => escapeLines(scrub(typeof text === 'string' ? text : text(), secrets));
  process.stdout.write(`${values['json'] ? json() : plain()}\n`);
}

const bigintAsNumber = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value);

/** `--every 6h` → milliseconds; undefined when not given. @throws UsageError for what is no time. */
export function intervalOf(values: Values, name = 'every'): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const ms = parseDuration(String(text));
  if (ms !== null && ms >= 1_000) return ms;
  throw new UsageError(`--${name} takes a time from 1s on, such as 15m or 6h, not "${text}"`);
}

const isoTime = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * `--since 2h` (an age, counted from `now`) or `--since 2026-05-01T12:00Z` → milliseconds since the epoch; undefined
 * when not given. A time without a zone is UTC. @throws UsageError for what is no time.
 */
export function timeOf(values: Values, name: string, now: number): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const age = parseDuration(String(text));
  if (age !== null) return now - age;
  const [whole, zone] = isoTime.exec(String(text)) ?? [];
  const isLocal = whole?.includes('T') && zone === undefined;
  const time = whole === undefined ? Number.NaN : Date.parse(isLocal ? `${whole}Z` : whole);
  if (Number.isFinite(time)) return time;
  throw new UsageError(`--${name} takes a time such as 2026-05-01T12:00Z, or an age such as 2h, not "${text}"`);
}

/** `--max-replays 5` → 5. @throws UsageError for what is no whole number. */
export function countOf(values: Values, name: string, standard: number): number {
  const text = String(values[name] ?? standard);
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} takes a whole number, not "${text}"`);
}

/** What was given for an option, once or more often. */
export const listOf = (values: Values, name: string): string[] =>
  [values[name] ?? []].flat().filter((value): value is string => typeof value === 'string');

/** @throws UsageError when an option was given that goes with another word of the command. */
export function allowOnly(values: Values, word: string, names: readonly string[]): void {
  const wrong = Object.keys(values).find((name) => !names.includes(name));
  if (wrong !== undefined) throw new UsageError(`--${wrong} does not go with ${word}`);
}

/** `--pages N|all` → 1-500. @throws UsageError for anything else. */
export function pagesOf(values: Values, standard: number): number {
  const text = String(values['pages'] ?? standard);
  const pages = text === 'all' ? 500 : Number(text);
  if (Number.isInteger(pages) && pages >= 1 && pages <= 500) return pages;
  throw new UsageError(`--pages takes a number from 1 to 500 or "all", not "${text}"`);
}

export const gapOption = { 'accept-gap': { type: 'string', multiple: true } } as const;

/** `--accept-gap TOPIC/PARTITION/FIRST-LAST` → gaps. @throws UsageError for any other text. */
export const gapsOf = (values: Values): readonly Gap[] =>
  listOf(values, 'accept-gap').map((text) => {
    const gap = parseGap(text);
    if (gap) return gap;
    throw new UsageError(
      `--accept-gap takes a gap as in the error message, such as tmdb.raw-movies/0/100-199, not "${text}"`,
    );
  });
