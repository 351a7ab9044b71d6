import { type Command, commandsOf, type Entries, isGroup } from './command.ts';
import { flagName } from './option.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;

type Shell = (typeof shells)[number];

/** Something that can be typed next. */
interface Word {
  readonly word: string;
  readonly help: string;
}

/** What can be typed after the words of a command or group; '' is the program itself. */
interface Level {
  readonly path: string;
  readonly words: readonly Word[];
}

/** What can follow an option. */
interface Value {
  readonly path: string;
  readonly flag: string;
  readonly choices: readonly string[];
  readonly isFile: boolean;
}

const helpFlag: Word = { word: '--help', help: 'show this help' };

/** @returns the script of a shell that completes the command line. */
export function completionScript(shell: Shell, entries: Entries): string {
  const levels = levelsOf(entries);
  const values = valuesOf(entries);
  return { bash, zsh, fish }[shell](levels, values);
}

function levelsOf(entries: Entries): Level[] {
  const first = entries.map(({ name, summary }) => ({ word: name, help: summary }));
  const help = { word: 'help', help: 'show the help of a command' };
  const version = { word: '--version', help: 'print the version' };
  return [{ path: '', words: [...first, help, helpFlag, version] }, ...entries.flatMap(levelsOfEntry)];
}

function levelsOfEntry(entry: Entries[number]): Level[] {
  if (!isGroup(entry)) return [levelOf(entry.name, entry)];
  const words = entry.commands.map(({ name, summary }) => ({ word: name, help: summary }));
  const children = entry.commands.map((command) => levelOf(`${entry.name} ${command.name}`, command));
  return [{ path: entry.name, words: [...words, helpFlag] }, ...children];
}

const levelOf = (path: string, { options }: Command): Level => ({
  path,
  words: [
    ...Object.entries(options).flatMap(([name, option]) =>
      option.kind === 'positional'
        ? (option.type.choices ?? []).map((word) => ({ word, help: option.help }))
        : [{ word: flagName(name), help: option.help }],
    ),
    helpFlag,
  ],
});

const valuesOf = (entries: Entries): Value[] =>
  commandsOf(entries).flatMap(([path, { options }]) =>
    Object.entries(options).flatMap(([name, option]) => {
      if (option.kind === 'flag' || option.kind === 'positional') return [];
      const { choices = [], isFile = false } = option.type;
      return [{ path, flag: flagName(name), choices, isFile }];
    }),
  );

/** Text in single quotes, quoted so that all three shells read it the same way. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Patterns of `case "$path $word"` for each word that continues a path of commands. */
const pathPatterns = (levels: readonly Level[]): string =>
  levels
    .filter(({ path }) => path !== '')
    .map(({ path }) => quoted(path.includes(' ') ? path : ` ${path}`))
    .join('|');

const caseOf = ({ path, flag }: Value): string => quoted(`${path} ${flag}`);

const bash = (levels: readonly Level[], values: readonly Value[]): string => `_tmdb_stream() {
  local cur=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path= word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
      ${pathPatterns(levels)}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path $previous" in
${values.map((value) => `    ${caseOf(value)}) ${bashValue(value)}return ;;`).join('\n')}
  esac
  case "$path" in
${levels.map(({ path, words }) => `    ${quoted(path)}) COMPREPLY=($(compgen -W ${quoted(words.map(({ word }) => word).join(' '))} -- "$cur")) ;;`).join('\n')}
  esac
}
complete -F _tmdb_stream tmdb-stream`;

function bashValue({ choices, isFile }: Value): string {
  if (isFile) return 'COMPREPLY=($(compgen -f -- "$cur")); ';
  return choices.length > 0 ? `COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$cur")); ` : '';
}

const zsh = (levels: readonly Level[], values: readonly Value[]): string => `#compdef tmdb-stream
_tmdb_stream() {
  local command= word
  local -a entries
  for word in \${words[2,CURRENT-1]}; do
    case "$command $word" in
      ${pathPatterns(levels)}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command \${words[CURRENT-1]}" in
${values.map((value) => `    ${caseOf(value)}) ${zshValue(value)}return ;;`).join('\n')}
  esac
  case "$command" in
${levels.map(({ path, words }) => `    ${quoted(path)}) entries=(${words.map(({ word, help }) => quoted(`${word}:${help}`)).join(' ')}) ;;`).join('\n')}
  esac
  _describe tmdb-stream entries
}
compdef _tmdb_stream tmdb-stream`;

function zshValue({ choices, isFile }: Value): string {
  if (isFile) return '_files; ';
  return choices.length > 0 ? `compadd -- ${choices.join(' ')}; ` : '';
}

const fish = (levels: readonly Level[], values: readonly Value[]): string =>
  [
    'complete -c tmdb-stream -f',
    ...levels.flatMap(({ path, words }) => {
      const subcommands = levels.filter((level) => level.path.startsWith(`${path} `));
      return words.map((word) => fishLine(fishCondition(path, subcommands), word, path, values));
    }),
  ].join('\n');

/** True after the words of `path`, and before a subcommand of it. */
function fishCondition(path: string, subcommands: readonly Level[]): string {
  if (path === '') return '__fish_use_subcommand';
  const after = path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
  const names = subcommands.map((command) => command.path.slice(path.length + 1));
  const before = names.length > 0 ? [`not __fish_seen_subcommand_from ${names.join(' ')}`] : [];
  return [...after, ...before].join('; and ');
}

function fishLine(condition: string, { word, help }: Word, path: string, values: readonly Value[]): string {
  const line = `complete -c tmdb-stream -n ${fishQuoted(condition)}`;
  const described = `-d ${fishQuoted(help)}`;
  if (!word.startsWith('--')) return `${line} -a ${word} ${described}`;
  const value = values.find((one) => one.path === path && one.flag === word);
  const takes = value === undefined ? '' : value.isFile ? ' -r -F' : ` -x -a ${fishQuoted(value.choices.join(' '))}`;
  return `${line} -l ${word.slice(2)}${takes} ${described}`;
}

const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
