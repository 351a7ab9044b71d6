import { exitCodeMeanings } from '../../runtime/errors.ts';
import { type Command, commandsOf, type Entries } from './command.ts';
import { programName } from './help.ts';
import { flagName, type OptionDefinition } from './option.ts';

/** @returns the manual page of all commands, in the macros of man(7). */
export const manPage = (entries: Entries): string =>
  [
    `.TH ${programName.toUpperCase()} 1`,
    '.SH NAME',
    escaped(`${programName} - stream TMDb's popular movies through Kafka into BRONZE, SILVER and GOLD`),
    '.SH SYNOPSIS',
    `.B ${escaped(programName)}`,
    'COMMAND [options]',
    '.SH COMMANDS',
    ...commandsOf(entries).flatMap(([words, command]) => commandLines(words, command)),
    '.SH EXIT STATUS',
    ...exitCodeMeanings.flatMap(([codes, meaning]) => ['.TP', codes, escaped(meaning)]),
  ].join('\n');

function commandLines(words: string, { description, options, examples, exits = {} }: Command): string[] {
  const paragraphs = description.flatMap((text) => text.split('\n'));
  return [
    `.SS ${escaped(words)}`,
    ...paragraphs.flatMap((text, index) => (index === 0 ? [escaped(text)] : ['.PP', escaped(text)])),
    ...Object.entries(options).flatMap(([name, option]) => [
      '.TP',
      `.B ${escaped(termOf(name, option))}`,
      escaped(helpOf(option)),
    ]),
    ...Object.entries(exits).flatMap(([code, when]) => ['.PP', escaped(`Exit code ${code} if ${when}.`)]),
    ...examples.flatMap(([args, does]) => [
      '.PP',
      escaped(`${does}:`),
      '.br',
      `.B ${escaped(`npx ${programName} ${args}`)}`,
    ]),
  ];
}

function termOf(name: string, option: OptionDefinition): string {
  if (option.kind === 'flag') return flagName(name);
  return option.kind === 'positional' ? option.type.placeholder : `${flagName(name)} ${option.type.placeholder}`;
}

const helpOf = (option: OptionDefinition): string =>
  option.kind === 'defaulted' ? `${option.help} (default ${option.default})` : option.help;

/** A line that roff prints as it is. */
const escaped = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&');
