import type { Invocation } from '../../../commands/engine/command.ts';
import { parse } from '../../../commands/engine/parse.ts';
import { type SelectionOptions, selectionOf } from '../../../commands/selection.ts';
import type { Selection } from '../../../replay/selection.ts';

/** A command with its options, from a command line that names one. @throws UsageError. */
export function invocationOf(argv: readonly string[], now = Date.now()): Invocation {
  const parsed = parse(argv, now);
  if ('text' in parsed) throw new Error(`${argv.join(' ')} prints a text`);
  return parsed.invocation;
}

/** The options of `replay ids`, from a line such as `--since 2h --movie 7`. @throws UsageError. */
export const selectionOptionsOf = (line: string, now: number): SelectionOptions =>
  invocationOf(['replay', 'ids', ...line.split(' ')], now).options as unknown as SelectionOptions;

/** What a line such as `--since 2h` selects, with ages counted from `now`. @throws UsageError. */
export const selectedBy = (line: string, now: number): Selection => selectionOf(selectionOptionsOf(line, now), now);
