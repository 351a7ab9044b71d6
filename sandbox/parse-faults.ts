import { messageOf, UsageError } from '../runtime/errors.ts';
import { parseBytes, parseDuration } from '../runtime/units.ts';
import { type ErrorCode, isErrorCode } from './answers.ts';
import type { Fault, FaultEffect, FaultScope } from './faults.ts';

type Words = ReadonlyMap<string, string>;

/** One entry for each kind: its value → the effect. Its error becomes the reported mistake. */
const kinds: Record<FaultEffect['kind'], (value: string, words: Words) => FaultEffect> = {
  status: (value, words) => ({
    kind: 'status',
    status: integer(value, 200, 599, 'a status from 200 to 599, as in status=503'),
    ...codeOf(words),
    ...optional('retryAfter', words.get('retry-after')),
  }),
  delay: (value) => ({ kind: 'delay', ms: known(milliseconds(value), 'a time, as in delay=2s') }),
  truncate: (value) => ({ kind: bare('truncate', value) }),
  slow: (value) => ({
    kind: 'slow',
    bytesPerSecond: integer(value, 1, 1_000_000_000, 'bytes a second, as in slow=100'),
  }),
  html: (value) => ({ kind: bare('html', value) }),
  redirect: (value) => ({ kind: 'redirect', location: known(value || null, 'a target, as in redirect=/elsewhere') }),
  drop: (value) => ({ kind: bare('drop', value) }),
  empty: (value) => ({ kind: bare('empty', value) }),
  'wrong-id': (value) => ({ kind: bare('wrong-id', value) }),
  'bad-items': (value) => ({ kind: 'bad-items', count: integer(value, 1, 1_000, 'a number, as in bad-items=3') }),
  'bad-totals': (value) => ({ kind: bare('bad-totals', value) }),
  'undeclared-gzip': (value) => ({ kind: bare('undeclared-gzip', value) }),
  'error-body': (value) => ({ kind: 'error-body', code: errorCode(value, 'error-body') }),
  bomb: (value) => ({ kind: 'bomb', bytes: known(parseBytes(value), 'a size, as in bomb=1GB') }),
  body: (value, words) => ({ kind: 'body', body: value, ...optional('contentType', words.get('type')) }),
};

const scopeWords = ['rate', 'path', 'times'];
/** Words that belong to a single kind. */
const ownWords: Readonly<Record<string, readonly string[]>> = { status: ['retry-after', 'code'], body: ['type'] };

/**
 * Faults as text, separated by `;`. Each consists of a kind and the words that say when it is injected:
 *
 * ```
 * status=503 rate=0.05 path=/movie/; delay=2s rate=0.1; drop times=3
 * ```
 *
 * Kinds: `status=503` (with `code=9` another of TMDb's bodies, with `retry-after=` seconds, `date`, `none` or any
 * text) · `delay=2s` · `truncate` · `slow=100` (bytes a second) · `html` · `redirect=URL` · `drop` · `empty` ·
 * `wrong-id` · `bad-items=3` (list elements without a valid id) · `bad-totals` · `undeclared-gzip` ·
 * `error-body=34` (200 with TMDb's body for that code) · `bomb=1GB` (size when unpacked) · `body=TEXT` (with `type=text/plain`).
 * When: `rate=0.05` (share, default 1) · `path=/movie/` (prefix of the path below /3; `{id}` is any number) ·
 * `times=3` (maximum number).
 * @throws UsageError that lists every mistake.
 */
export function parseFaults(text: string): Fault[] {
  const mistakes: string[] = [];
  const faults: Fault[] = [];
  for (const part of text.split(';').map((entry) => entry.trim())) {
    if (part === '') continue;
    try {
      faults.push(parseFault(part));
    } catch (error) {
      mistakes.push(`  "${part}": ${messageOf(error)}`);
    }
  }
  if (mistakes.length === 0) return faults;
  throw new UsageError(`the faults have ${mistakes.length} mistake(s):\n${mistakes.join('\n')}`);
}

function parseFault(text: string): Fault {
  const words = new Map(text.split(/\s+/).map(splitWord));
  const named = [...words.keys()].filter((word): word is FaultEffect['kind'] => Object.hasOwn(kinds, word));
  const [kind] = named;
  if (kind === undefined || named.length > 1) {
    throw new UsageError(`expected one of ${Object.keys(kinds).join(', ')}, got ${named.join(' and ') || 'none'}`);
  }
  const allowed = [kind, ...scopeWords, ...(ownWords[kind] ?? [])];
  const strange = [...words.keys()].find((word) => !allowed.includes(word));
  if (strange !== undefined) throw new UsageError(`"${strange}" is not known here: ${allowed.join(', ')} are`);
  return { ...kinds[kind](words.get(kind) ?? '', words), ...scopeOf(words) };
}

function splitWord(word: string): [string, string] {
  const equals = word.indexOf('=');
  return equals < 0 ? [word, ''] : [word.slice(0, equals), word.slice(equals + 1)];
}

function scopeOf(words: Words): FaultScope {
  const [rate, path, times] = scopeWords.map((word) => words.get(word));
  if (path !== undefined && !path.startsWith('/')) throw new UsageError('expected a path such as path=/movie/');
  return {
    ...(rate !== undefined && { rate: share(rate) }),
    ...optional('path', path),
    ...(times !== undefined && { times: integer(times, 1, 1e9, 'how often at most, as in times=3') }),
  };
}

function codeOf(words: Words): { code?: number } {
  const text = words.get('code');
  if (text === undefined) return {};
  return { code: errorCode(text, 'code') };
}

function errorCode(text: string, word: string): ErrorCode {
  const code = Number(text);
  if (isErrorCode(code)) return code;
  throw new UsageError(`expected one of TMDb's error codes, as in ${word}=9, got "${text}"`);
}

const optional = <K extends string>(key: K, value: string | undefined): { [key in K]?: string } =>
  (value === undefined ? {} : { [key]: value }) as { [key in K]?: string };

/** A bare number is milliseconds. */
const milliseconds = (text: string) => (/^\d+$/.test(text) ? Number(text) : parseDuration(text));

function known<T>(value: T | null, hint: string): T {
  if (value === null) throw new UsageError(`expected ${hint}`);
  return value;
}

function bare<K extends string>(kind: K, value: string): K {
  if (value !== '') throw new UsageError(`${kind} takes no value`);
  return kind;
}

function integer(text: string, lowest: number, highest: number, hint: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= lowest && value <= highest)) throw new UsageError(`expected ${hint}`);
  return value;
}

function share(text: string): number {
  const value = text === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && value <= 1)) throw new UsageError('expected a share from 0 to 1, as in rate=0.05');
  return value;
}
