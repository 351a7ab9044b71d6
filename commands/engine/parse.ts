import { CommanderError, type Option, Command as Parser } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { exitCodeMeanings, UsageError } from '../../runtime/errors.ts';
import { commands } from '../index.ts';
import { type Command, type CommandGroup, type Invocation, isGroup } from './command.ts';
import { configureHelp, helpText, programName } from './help.ts';
import { flagName, type OptionDefinition } from './option.ts';
import { readValue, TypedArgument, TypedOption, usageErrorOf } from './usage-error.ts';

/** What the arguments ask for: to print a text and end, or to run a command. */
export type Parsed = { readonly text: string } | { readonly invocation: Invocation };

/**
 * Reads a command line. Reads nothing else and writes nothing.
 * @param argv the arguments after the program's name.
 * @param now milliseconds since the epoch, from which ages such as `--since 2h` are counted.
 * @throws UsageError with one line that shows the right form.
 */
export function parse(argv: readonly string[], now: number): Parsed {
  const output: string[] = [];
  let invocation: Invocation | undefined;
  const program = programOf((command, options) => {
    if (command.text) output.push(command.text(options, commands));
    else invocation = command.invoke(options, now);
  });
  catchEnds(program, (text) => output.push(text));
  try {
    program.parse(withKnownHelp(withoutHelpWord(argv)), { from: 'user' });
  } catch (error) {
    // Commander ends with this after it has printed help or the version.
    if (!(error instanceof CommanderError)) throw error;
  }
  return invocation ? { invocation } : { text: output.join('').trimEnd() };
}

/** Collects what a parser prints, and throws a UsageError where it would end the process with an error. */
function catchEnds(parser: Parser, writeOut: (text: string) => void): void {
  parser.configureOutput({ writeOut, writeErr: () => {} }).exitOverride((error) => {
    throw error.exitCode === 0 ? error : usageErrorOf(error, parser);
  });
  for (const child of parser.commands) catchEnds(child, writeOut);
}

/** `help replay raw` → `replay raw --help` */
const withoutHelpWord = ([first, ...rest]: readonly string[]): string[] => {
  if (first === undefined) return ['--help'];
  return first === 'help' ? [...rest, '--help'] : [first, ...rest];
};

const overviewNotes = `
"${programName} COMMAND --help" shows the options and examples of a command.
Settings come from the environment and .env; docs/configuration.md lists them.
In the project folder: npx ${programName} COMMAND, or npm run cli -- COMMAND.

Exit codes:
${exitCodeMeanings.map(([codes, meaning]) => `  ${codes.padEnd(11)}  ${meaning}`).join('\n')}`;

/** For a misspelled command with `--help`, Commander prints the list of commands; without `--help`, it suggests a similar name. */
function withKnownHelp(argv: readonly string[]): readonly string[] {
  const [first, second] = argv.filter((arg) => !arg.startsWith('-'));
  const entry = commands.find(({ name }) => name === first);
  const isUnknownSubcommand =
    entry && isGroup(entry) && second !== undefined && entry.commands.every(({ name }) => name !== second);
  const isUnknown = (first !== undefined && !entry) || isUnknownSubcommand;
  return isUnknown ? argv.filter((arg) => arg !== '--help' && arg !== '-h') : argv;
}

type OnCommand = (command: Command, options: Record<string, unknown>) => void;

/** A new parser: it keeps the options that it has read, so each command line has its own. */
function programOf(onCommand: OnCommand): Parser {
  const program = new Parser(programName)
    .description("Streams TMDb's popular movies through Kafka into BRONZE, SILVER and GOLD.")
    .version(packageJson.version, '-V, --version', 'print the version')
    .addHelpText('after', () => helpText(overviewNotes))
    .enablePositionalOptions();
  for (const entry of commands) program.addCommand(parserOf(entry, onCommand));
  return configureHelp(program);
}

function parserOf(entry: Command | CommandGroup, onCommand: OnCommand): Parser {
  const parser = new Parser(entry.name).summary(entry.summary).description(entry.description.join('\n\n'));
  if (isGroup(entry)) for (const command of entry.commands) parser.addCommand(parserOf(command, onCommand));
  else configureCommand(parser, entry, onCommand);
  return configureHelp(parser, entry.examples, isGroup(entry) ? {} : entry.exits);
}

function configureCommand(parser: Parser, command: Command, onCommand: OnCommand): void {
  const entries = Object.entries(command.options);
  for (const [name, definition] of entries) addOption(parser, flagName(name), definition);
  const positionals = entries.filter(([, { kind }]) => kind === 'positional').map(([name]) => name);
  parser.action((...given: readonly unknown[]) => {
    const options = Object.fromEntries(entries.map(absent));
    positionals.forEach((name, index) => {
      options[name] = given[index];
    });
    onCommand(command, { ...options, ...parser.opts() });
  });
}

/** The value of an option that is not given. */
const absent = ([name, { kind }]: readonly [string, OptionDefinition]): readonly [string, unknown] => [
  name,
  kind === 'flag' ? false : kind === 'repeated' ? [] : undefined,
];

function addOption(parser: Parser, flag: string, definition: OptionDefinition): void {
  if (definition.kind === 'positional') {
    parser.addArgument(new TypedArgument(definition.type, definition.help));
    return;
  }
  if (definition.kind === 'flag') parser.option(flag, definition.help);
  else parser.addOption(optionOf(flag, definition));
  if (definition.kind === 'repeated') return;
  let times = 0;
  parser.on(`option:${flag.slice(2)}`, () => {
    times += 1;
    if (times > 1) throw new UsageError(`${flag} is given twice; give it once`);
  });
}

function optionOf(flag: string, definition: Exclude<OptionDefinition, { kind: 'flag' | 'positional' }>): Option {
  const { kind, type, help } = definition;
  const option = new TypedOption(flag, type, help);
  if (kind === 'defaulted') option.default(type.parse(definition.default), definition.default);
  if (kind !== 'repeated') return option.argParser((text) => readValue(type, flag, text));
  return option.argParser<readonly unknown[]>((text, previous = []) => [...previous, readValue(type, flag, text)]);
}
