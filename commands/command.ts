import type { ParseArgsConfig } from 'node:util';
import type { Config } from '../lib/config.ts';
import { UsageError } from '../lib/errors.ts';
import { parseDuration } from '../lib/units.ts';
import type { Context } from '../pipeline/platform.ts';

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
  /** How much is logged when LOG_LEVEL is not set; the standard is `info` for a service and `warn` for the others. */
  readonly logLevel?: NonNullable<Config['logLevel']>;
  /** @returns the exit code. @throws IngestError with one. */
  run(context: Context, values: Values, positionals: readonly string[]): Promise<number>;
}

/** Options as given, by name. */
export type Values = Readonly<Record<string, unknown>>;

export const jsonOption = { json: { type: 'boolean' } } as const;

/** Data for standard output: JSON for a program, `text` for a person. */
export function print(values: Values, data: unknown, text: (() => string) | string): void {
  const plain = typeof text === 'string' ? text : text();
  process.stdout.write(`${values['json'] ? JSON.stringify(data, bigintAsNumber) : plain}\n`);
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

/** `--pages N|all` → 1-500. @throws UsageError for anything else. */
export function pagesOf(values: Values, standard: number): number {
  const text = String(values['pages'] ?? standard);
  const pages = text === 'all' ? 500 : Number(text);
  if (Number.isInteger(pages) && pages >= 1 && pages <= 500) return pages;
  throw new UsageError(`--pages takes a number from 1 to 500 or "all", not "${text}"`);
}
