// cspell:ignore replya
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from '../../../commands/engine/parse.ts';
import { commands, commandsByWords } from '../../../commands/index.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import { exitCodeMeanings } from '../../../runtime/errors.ts';

const root = join(import.meta.dirname, '../../..');

const textOf = (argv: readonly string[]): string => {
  const parsed = parse(argv, 0);
  if (!('text' in parsed)) throw new Error(`${argv.join(' ')} prints no text`);
  return parsed.text;
};

/** The words of every command and group; the program itself has none. */
const everyName = ['', ...new Set([...commands.map(({ name }) => name), ...commandsByWords.keys()])];
const wordsOf = (name: string): string[] => name.split(' ').filter(Boolean);

/** `npx tmdb-stream sandbox --faults 'a b'` → its arguments. */
const argumentsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').slice(2);

describe('the help', () => {
  it.each(everyName)('of "%s" is as recorded', (name) => {
    expect(textOf([...wordsOf(name), '--help'])).toMatchSnapshot();
  });

  it.each(everyName)('of "%s" is at most 80 columns wide, and the same in every way to ask for it', (name) => {
    const help = textOf([...wordsOf(name), '--help']);
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(help).toMatch(new RegExp(`^Usage: ${['tmdb-stream', name].filter(Boolean).join(' ')} `));
    expect(textOf([...wordsOf(name), '-h'])).toBe(help);
    expect(textOf(['help', ...wordsOf(name)])).toBe(help);
  });

  it.each(everyName.slice(1))('of "%s" has examples that can be pasted', (name) => {
    const examples = textOf([...wordsOf(name), '--help']).match(/^ {2}npx tmdb-stream .*$/gm) ?? [];
    expect(examples).not.toEqual([]);
    for (const example of examples) {
      const argv = argumentsOf(example);
      expect(argv.join(' ').startsWith(name), example).toBe(true);
      expect(() => parse(argv, Date.now()), example).not.toThrow();
    }
  });

  it('is printed without arguments, and help for an unknown command suggests a similar one', () => {
    expect(textOf([])).toBe(textOf(['--help']));
    for (const argv of [
      ['help', 'replya'],
      ['replya', '--help'],
      ['help', 'replya', 'raw'],
    ]) {
      expect(() => parse(argv, 0)).toThrow('Did you mean replay?');
    }
    expect(() => parse(['help', 'replay', 'rwa'], 0)).toThrow('Did you mean raw?');
  });
});

describe('a command line that only prints help', () => {
  /** Writes the address of each module that is loaded to standard error. */
  const hook =
    'import { registerHooks } from "node:module"; registerHooks({ load(url, context, next) { console.error(url); return next(url, context); } });';

  it('loads no package except the parser: a slow one would delay each command', () => {
    const loader = `data:text/javascript,${encodeURIComponent(hook)}`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', loader, join(root, 'cli.ts'), '--help'], {
      encoding: 'utf8',
    });
    expect(stdout).toContain('Usage: tmdb-stream COMMAND');
    const packages = [...stderr.matchAll(/node_modules\/([\w@-]+)/g)].map(([, name]) => name);
    expect(new Set(packages)).toEqual(new Set(['commander']));
  });
});

describe('the exit codes', () => {
  const codes = exitCodeMeanings.map(([code, meaning]) => `${code} ${meaning}`);
  const inOneLine = (text: string) => text.replaceAll('`', '').replaceAll(/\s+/g, ' ');

  it('are explained in the README with the words of the help', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    expect(inOneLine(readme)).toContain(`Exit codes: ${codes.join('; ')}.`);
    expect(inOneLine(textOf(['--help']))).toContain(`Exit codes: ${codes.join(' ')}`);
  });
});

describe('the tools of a command', () => {
  it('include a broker for each command that may start one, and nothing for commands that only print or serve', () => {
    for (const [name, { writes = [], tools = [] }] of commandsByWords) {
      if (name !== 'doctor') expect(tools.includes('kafka'), name).toBe(writes.includes('broker'));
    }
    const without = [...commandsByWords].filter(([, { tools = [] }]) => tools.length === 0).map(([name]) => name);
    expect(without).toEqual([
      'drift',
      'dashboard',
      'warehouse provision',
      'warehouse migrate',
      'sandbox',
      'completion',
      'man',
    ]);
  });
});

describe('the version', () => {
  it('is printed alone', () => {
    expect(textOf(['--version'])).toBe(packageJson.version);
    expect(textOf(['-V'])).toBe(packageJson.version);
  });

  it('of the invented movies is an option of the sandbox', () => {
    expect(parse(['sandbox', '--version', '2'], 0)).toMatchObject({ invocation: { options: { version: 2 } } });
  });
});
