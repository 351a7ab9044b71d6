import { Argument, type CommanderError, Option, type Command as Parser } from 'commander';
import { UsageError } from '../../runtime/errors.ts';
import { escapeControls } from '../../runtime/escape-controls.ts';
import type { ValueType } from './option.ts';

/** An option with a value, which knows the form of the value. */
export class TypedOption extends Option {
  readonly form: string;

  constructor(flag: string, type: ValueType<unknown>, help: string) {
    super(`${flag} <${type.placeholder}>`, help);
    this.form = type.form;
  }
}

/** A value without a name, which knows its form. */
export class TypedArgument extends Argument {
  readonly form: string;

  constructor(type: ValueType<unknown>, help: string) {
    super(`<${type.placeholder}>`, help);
    this.form = type.form;
    this.argParser((text) => readValue(type, type.placeholder, text));
  }
}

/** @param name of the option or argument. @throws UsageError if the text is not a value of the type. */
export function readValue<T>(type: ValueType<T>, name: string, text: string): T {
  const value = text === '' ? undefined : type.parse(text);
  if (value !== undefined) return value;
  throw new UsageError(`${name} takes ${type.form}, not "${escapeControls(text)}"`);
}

/** `tmdb-stream replay raw` */
const fullName = (parser: Parser): string =>
  parser.parent ? `${fullName(parser.parent)} ${parser.name()}` : parser.name();

/** An error of the parser as one line that shows the right form. */
export function usageErrorOf(error: CommanderError, parser: Parser): UsageError {
  const name = fullName(parser);
  return new UsageError(`${mistakeOf(error, parser)}. See: ${name} --help`);
}

function mistakeOf({ code, message }: CommanderError, parser: Parser): string {
  const name = fullName(parser);
  switch (code) {
    case 'commander.help':
      return `${name} needs a subcommand: ${parser.commands.map((command) => command.name()).join(', ')}`;
    case 'commander.excessArguments': {
      // The arguments are not repeated: they may be parts of a key that was pasted.
      const names = parser.registeredArguments.map((argument) => `one ${argument.name()}`);
      return `${name} takes ${names.join(', ') || 'only options'}, not ${counted(parser.args.length)}`;
    }
    case 'commander.missingArgument': {
      const [missing] = parser.registeredArguments;
      return `${name} needs ${missing instanceof TypedArgument ? missing.form : 'an argument'}`;
    }
    case 'commander.optionMissingArgument': {
      const option = parser.options.find(({ flags }) => message.includes(`'${flags}'`));
      const form = option instanceof TypedOption ? option.form : 'a value';
      return `${option?.long} takes ${form}, but nothing follows it`;
    }
    default:
      return `${name}: ${escapeControls(plain(message))}`;
  }
}

const counted = (arguments_: number): string => (arguments_ === 1 ? 'an argument' : `${arguments_} arguments`);

/** In one line, without a value that may be a secret: `error: unknown option '--token=x'` → `unknown option '--token'`. */
const plain = (message: string): string =>
  message
    .replace(/^error: /, '')
    .replace(/^(unknown option '[^'=]*)=[^']*/s, '$1')
    .replaceAll('\n', ' ');
