import { basename } from 'node:path';
import { groups } from '../../platform/settings.ts';
import { foreignVariables, prefixes } from '../../platform/unknown-settings.ts';
import { maxSmallFileBytes } from '../../runtime/path-settings.ts';
import type { Setting, SettingsGroup } from '../../runtime/setting.ts';

/** The pages that `npm run docs` writes from the settings: docs/configuration.md and .env.example. */

const allGroups: readonly SettingsGroup[] = Object.values(groups);

const isSecret = ({ kind }: Setting<unknown>): boolean => kind.secretsOf !== undefined;

const introduction = `# Configuration

\`npm run docs\` writes this page from the \`settings.ts\` files of the program. Do not edit it.

- Set a variable in the environment, or in the file \`.env\` of the project folder. The environment takes precedence.
  [\`.env.example\`](../.env.example) has every setting with its default.
- An empty value counts as not set.
- Each command checks all settings when it starts. If a setting is invalid, the command lists all mistakes and exits with code 2.
- A misspelled setting is also a mistake: \`TMDB_RATELIMIT is not a setting; did you mean TMDB_RATE_LIMIT?\`
  [Variables of other programs](#variables-of-other-programs) are ignored.
- Each setting marked as **secret** can also be in a file: set \`NAME_FILE\` instead of \`NAME\`, for example
  \`TMDB_TOKEN_FILE=/run/secrets/token\`. It must be a regular file of at most ${maxSmallFileBytes / 1_024} KB. An empty file counts as not set. Secrets are
  never printed, logged or passed to other programs.
- Paths may be relative to the working directory. \`~\` is not replaced.

| format | what to write |
|---|---|
| duration | a number and \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`: \`500ms\`, \`10s\`, \`15m\`, \`24h\`, \`180d\` |
| size | a number and \`B\`, \`KB\`, \`MB\` or \`GB\`, powers of ten: \`500KB\`, \`64MB\` |
| requests/duration | \`40/10s\`: at most 40 requests in any 10 seconds |
`;

/** The text of docs/configuration.md. */
export const configurationPage = (): string => [introduction, ...allGroups.map(sectionOf), foreignSection()].join('\n');

function sectionOf({ title, settings }: SettingsGroup): string {
  const rows = Object.values(settings).map(
    (setting) =>
      `| ${nameCell(setting)} | ${defaultCell(setting)} | ${cell(setting.form)} | ${cell(meaningOf(setting))} |`,
  );
  const head = ['| setting | default | format | meaning |', '|---|---|---|---|'];
  return [`## ${title}`, '', ...head, ...rows, ''].join('\n');
}

function foreignSection(): string {
  const rows = foreignVariables.map(({ program, names, isRefusedOnSnowflake }) => {
    const list = names.map((name) => `\`${name}\``).join(', ');
    return `| ${program} | ${list}${isRefusedOnSnowflake ? '. Refused with `WAREHOUSE=snowflake`.' : ''} |`;
  });
  return `## Variables of other programs

A variable that begins with ${prefixes.map((prefix) => `\`${prefix}\``).join(', ')} must be
a setting. These are ignored, because other programs use them. \`*\` stands for any characters.

| program | variables |
|---|---|
${rows.join('\n')}
`;
}

const nameCell = (setting: Setting<unknown>): string => `\`${setting.name}\`${isSecret(setting) ? ' **secret**' : ''}`;

const defaultCell = ({ default: text, defaultNote }: Setting<unknown>): string =>
  cell(text ? `\`${text}\`` : (defaultNote ?? ''));

function meaningOf({ meaning, see, isAlsoLowerCase, isReadByNode }: Setting<unknown>): string {
  const link = see && `See [${basename(see).replace(/\.md.*$/, '')}](${see.replace(/^docs\//, '')}).`;
  const lowerCase = isAlsoLowerCase && 'The lower-case variable takes precedence.';
  const byNode = isReadByNode && 'Set it in the environment, not in `.env`: Node reads it when it starts.';
  return [meaning, link, lowerCase, byNode].filter(Boolean).join(' ');
}

/** Text in a cell of a table, with each variable as code. */
const cell = (text: string): string =>
  text
    .split('`')
    .map((part, index) => (index % 2 === 0 ? part.replace(/\b[A-Z]+(?:_[A-Z]+)+\b|\bWAREHOUSE=\w+/g, '`$&`') : part))
    .join('`')
    .replaceAll('|', '\\|');

const example = `\`npm run docs\` writes this file. Copy it to .env. To set a value, remove the "# " before its name. Comments have their own
lines, because a value takes the rest of its line. An empty value counts as not set. docs/configuration.md explains all settings.`;

/** The text of .env.example. */
export function envExample(): string {
  const sections = allGroups.map(({ title, settings }) => {
    const lines = Object.values(settings).filter(({ isReadByNode }) => !isReadByNode);
    return [`# ---- ${title} ----`, ...lines.map(exampleOf)].join('\n\n');
  });
  return `${[commented(example.replaceAll('\n', ' ')), ...sections].join('\n\n')}\n`;
}

function exampleOf(setting: Setting<unknown>): string {
  const { name, default: text = '', defaultNote, form, meaning, see } = setting;
  const words = [
    meaning,
    see && `See ${see}.`,
    form !== 'text' && `Format: ${form}.`,
    defaultNote && `Default: ${defaultNote}.`,
    isSecret(setting) && `Secret: ${name}_FILE can name a file with it.`,
  ];
  return `${commented(words.filter(Boolean).join(' '))}\n# ${name}=${text}`;
}

const width = 118;

/** Plain text as comment lines. */
function commented(markdown: string): string {
  const lines: string[] = [];
  for (const word of markdown.replaceAll('`', '').split(' ')) {
    const line = `${lines.at(-1) ?? ''} ${word}`;
    if (lines.length > 0 && line.length <= width) lines[lines.length - 1] = line;
    else lines.push(`# ${word}`);
  }
  return lines.join('\n');
}
