import { Help, type Command as Parser } from 'commander';
import { screenWidth, wrapText } from '../../runtime/screen.ts';
import type { Exits } from './command.ts';

export const programName = 'tmdb-stream';

/** Columns: as many as the terminal has, but at most 80. */
const widthOfHelp = (): number => Math.min(80, screenWidth());
/** A narrower column of texts is not wrapped. */
const leastTextWidth = 16;

/** Breaks the lines of a text so that they fit into the help. */
export const helpText = (text: string): string => wrapText(text, widthOfHelp());

type Examples = readonly (readonly [args: string, does: string])[];

/** Commander's help, at most 80 columns wide, with values as `--since TIME` and subcommands by their name alone. */
export function configureHelp(parser: Parser, examples: Examples = [], exits: Exits = {}): Parser {
  parser
    .helpCommand(false)
    .helpOption('-h, --help', 'show this help')
    .usage(usageOf(parser))
    .configureHelp({
      helpWidth: widthOfHelp(),
      minWidthToWrap: leastTextWidth,
      optionTerm: ({ flags }) => flags.replaceAll(/[<>]/g, ''),
      argumentTerm: (argument) => argument.name(),
      subcommandTerm: (command) => command.name(),
      optionDescription: (option) =>
        option.defaultValueDescription === undefined
          ? option.description
          : `${option.description} (default ${option.defaultValueDescription})`,
    })
    .configureOutput({ getOutHelpWidth: widthOfHelp, getOutHasColors: () => false });
  if (examples.length > 0) parser.addHelpText('after', `\n${examplesText(examples)}`);
  if (Object.keys(exits).length > 0) parser.addHelpText('after', `\n${exitsText(exits)}`);
  return parser;
}

function usageOf(parser: Parser): string {
  if (parser.commands.length > 0) return 'COMMAND [options]';
  return [...parser.registeredArguments.map((argument) => argument.name()), '[options]'].join(' ');
}

/** Each example on lines of its own, so that it can be pasted whole. */
const examplesText = (examples: Examples): string =>
  [
    'Examples:',
    ...examples.flatMap(([args, does]) => [
      new Help().boxWrap(`  # ${does}`, widthOfHelp()).replaceAll('\n', '\n  # '),
      `  npx ${programName} ${args}`,
    ]),
  ].join('\n');

/** The exit codes that not every command has. */
const exitsText = (exits: Exits): string =>
  [
    helpText(`Exit codes ("${programName} --help" has those of all commands):`),
    ...Object.entries(exits).map(([code, when]) =>
      new Help().boxWrap(`  ${code}  if ${when}`, widthOfHelp() - 5).replaceAll('\n', '\n     '),
    ),
  ].join('\n');
