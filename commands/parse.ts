import { parseArgs } from 'node:util';
import { messageOf, UsageError } from '../runtime/errors.ts';
import type { Command, Values } from './command.ts';
import { commands } from './index.ts';

/** A command and what it was given. */
export interface Parsed {
  readonly command: Command;
  readonly values: Values;
  readonly positionals: readonly string[];
}

/** @param argv the arguments from the command's name on. @throws UsageError for an unknown command or option. */
export function parse([name = '', ...args]: readonly string[]): Parsed {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(`there is no command "${name}"; --help lists them`);
  try {
    const options = { ...command.options, help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({
      ...{ args: [...args], options, allowPositionals: command.takesPositionals ?? false },
    });
    return { command, values: values as Values, positionals };
  } catch (error) {
    throw new UsageError(`${name}: ${messageOf(error)}; "${name} --help" shows what it takes`);
  }
}
