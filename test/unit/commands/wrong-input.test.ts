// cspell:ignore MIIE QIBADAN
import { describe, expect, it } from 'vitest';
import { flagName, type OptionDefinition } from '../../../commands/engine/option.ts';
import { parse } from '../../../commands/engine/parse.ts';
import { commandsByWords } from '../../../commands/index.ts';
import { ExitCode, UsageError } from '../../../runtime/errors.ts';

/** Values that an option with this placeholder must refuse. A placeholder that is not here makes the test fail. */
const wrongValues: Readonly<Record<string, readonly string[]>> = {
  TIME: ['6', '0', '-5m', 'soon', '2026-13-01', '5 years', '1e3s'],
  'N|all': ['0', '-5', '1.5', '501', 'many', '1e2', '١'],
  N: ['-1', '1.5', 'many', '1e2', '99999999999', '0x10', ' 7'],
  ID: ['fargo', '-1', '1.5', 'tmdb.raw-movies/0', 'tmdb.raw-movies/0/x'],
  OFFSET: ['x:1', '-1', '1:', ':1', '1:2:3', '1.5'],
  GAP: ['xyz', 'tmdb.raw-movies/0', 'tmdb.raw-movies/0/5', 'tmdb.raw-movies/0/5-x'],
  REASON: ['bored', 'UNDECODABLE_RECORD'],
  TOPIC: ['movies', 'tmdb.raw-movies/0'],
  FILE: [' '],
  NAME: ['a"b', '1A', 'a b', 'a;drop'],
  HOST: ['a b', 'http://a/'],
  'MIN-MAX': ['20', '120-20', '-20-120', 'a-b', '20-'],
  CLUSTER: ['a b', 'a/b'],
  SHELL: ['csh', 'Bash'],
  FAULTS: ['loud', 'status=9', 'delay=long'],
};

interface WrongLine {
  readonly argv: readonly string[];
  /** The message must contain it. */
  readonly named: string;
}

const nasty = ['\u001b[2J', 'a\nb', '\u0000'];

/** Each known misuse of an option, in an otherwise complete command line. */
function wrongUses(words: readonly string[], name: string, definition: OptionDefinition): WrongLine[] {
  const flag = flagName(name);
  if (definition.kind === 'flag') {
    return [
      { argv: [...words, flag, flag], named: flag },
      { argv: [...words, `${flag}=yes`], named: flag },
      { argv: [...words, `${flag}s`], named: `${flag}s` },
    ];
  }
  const { placeholder } = definition.type;
  const values = ['', ...nasty, ...(wrongValues[placeholder] ?? [])].filter(
    (value) => placeholder !== 'FILE' || value.trim() === '',
  );
  if (definition.kind === 'positional') {
    return [
      { argv: words, named: words.at(-1) ?? '' },
      ...values.map((value) => ({ argv: [...words, '--', value], named: placeholder })),
    ];
  }
  const good = goodValues[placeholder] ?? '';
  const twice = { argv: [...words, flag, good, flag, good], named: flag };
  return [
    { argv: [...words, flag], named: flag },
    { argv: [...words, `${flag}=`], named: flag },
    ...values.map((value) => ({ argv: [...words, flag, value], named: flag })),
    ...(definition.kind === 'repeated' ? [] : [twice]),
    { argv: [...words, `${flag}s`, good], named: `${flag}s` },
  ];
}

/** A value that an option with this placeholder accepts. */
const goodValues: Readonly<Record<string, string>> = {
  ...{ TIME: '2h', 'N|all': 'all', N: '7', ID: '603', OFFSET: '1:5', GAP: 'tmdb.raw-movies/0/1-2', FILE: 'a.pub' },
  ...{ REASON: 'undecodable_record', TOPIC: 'tmdb.raw-movies', NAME: 'A', HOST: '::1', 'MIN-MAX': '1-2' },
  ...{ FAULTS: 'status=503', SHELL: 'bash', CLUSTER: 'J8s1t0zKQzWcLqv2mA7Z0g' },
};

const positionalsOf = (words: string): string[] => {
  const options = Object.values(commandsByWords.get(words)?.options ?? {});
  return options.flatMap((option) => (option.kind === 'positional' ? (goodValues[option.type.placeholder] ?? '') : []));
};

const wrongLines = [...commandsByWords].flatMap(([name, { options }]) => {
  const words = name.split(' ');
  const uses = Object.entries(options).flatMap(([option, definition]) => wrongUses(words, option, definition));
  return [
    ...uses,
    { argv: [...words, ...positionalsOf(name), 'extra'], named: name },
    { argv: [...words, '-x'], named: '-x' },
  ];
});

const placeholders = [...commandsByWords.values()].flatMap(({ options }) =>
  Object.values(options).flatMap((option) => (option.kind === 'flag' ? [] : [option.type.placeholder])),
);

describe('wrong input', () => {
  it('is known for each kind of value', () => {
    expect(new Set(placeholders)).toEqual(new Set(Object.keys(wrongValues)));
    expect(new Set(placeholders)).toEqual(new Set(Object.keys(goodValues)));
    expect(wrongLines.length).toBeGreaterThan(700);
  });

  it('ends each command with exit code 2 and one line, for each of its options', () => {
    const accepted: string[] = [];
    for (const { argv, named } of wrongLines) {
      const line = JSON.stringify(argv);
      try {
        parse(argv, Date.now());
        accepted.push(line);
      } catch (error) {
        expect(error, line).toBeInstanceOf(UsageError);
        const { message, exitCode } = error as UsageError;
        expect(exitCode, line).toBe(ExitCode.usage);
        expect(message, line).toContain(named);
        // No line break, no control character, no stack.
        expect(message, line).toMatch(/^[^\p{Cc}]+$/u);
        expect(message, line).not.toMatch(/\bat .*\.[jt]s:\d/);
      }
    }
    expect(accepted).toEqual([]);
  });

  it('does not repeat arguments, which may be parts of a key that was pasted', () => {
    const key = ['-----BEGIN', 'PRIVATE', 'KEY-----', 'MIIEvQIBADANBg'];
    for (const argv of [
      ['warehouse', 'provision', '--loader-key', ...key],
      ['status', ...key.slice(3)],
    ]) {
      expect(() => parse(argv, Date.now())).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('MIIE') }),
      );
    }
    expect(() => parse(['status', '--token=hunter2'], Date.now())).toThrow("unknown option '--token'. See");
  });
});
