import type { ParseArgsConfig } from 'node:util';
import type { Config } from '../lib/config.ts';
import { UsageError } from '../lib/errors.ts';
import type { Context } from '../pipeline/platform.ts';

/** One word of the command line. */
export interface Command {
  /** One line for the overview. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  readonly takesPositionals?: boolean;
  /** How much is logged when LOG_LEVEL is not set; the standard is `info`. */
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

/** `--pages N|all` → 1-500. @throws UsageError for anything else. */
export function pagesOf(values: Values, standard: number): number {
  const text = String(values['pages'] ?? standard);
  const pages = text === 'all' ? 500 : Number(text);
  if (Number.isInteger(pages) && pages >= 1 && pages <= 500) return pages;
  throw new UsageError(`--pages takes a number from 1 to 500 or "all", not "${text}"`);
}
