import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { z } from 'zod';
import { neverPrint, print } from '../../../commands/engine/print.ts';
import { errorLine } from '../../../runtime/error-line.ts';
import { UsageError } from '../../../runtime/errors.ts';
import { createJsonProgress } from '../../../runtime/json-progress.ts';
import { Secret } from '../../../runtime/secret.ts';
import { count, offset, time } from '../../../runtime/shape.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { checkErrorStream, checkLine, checkOutput } from '../../support/commands/outputs.ts';

const shape = z.object({ loadedAt: time.nullable(), end: offset, rows: count, names: z.array(z.string()) });
const value = { loadedAt: new Date(0), end: 5n, rows: 3, names: ['a'] };

describe('print', () => {
  let write: MockInstance<typeof process.stdout.write>;
  beforeEach(() => {
    write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  });
  afterEach(() => {
    write.mockRestore();
    neverPrint([]);
  });
  const printed = () => write.mock.calls.map(([text]) => String(text)).join('');

  it('writes one line of JSON: times in UTC, numbers as numbers, and no key that the shape lacks', () => {
    print({ json: true }, shape, { ...value, internal: 'x' } as typeof value, 'for a person');
    expect(printed()).toBe('{"loadedAt":"1970-01-01T00:00:00.000Z","end":5,"rows":3,"names":["a"]}\n');
  });

  it('writes the text for a person without --json', () => {
    print({ json: false }, shape, value, () => 'two\nlines');
    expect(printed()).toBe('two\nlines\n');
  });

  it('prints any time and offset that a foreign record can have', () => {
    for (const [ms, text] of [
      [8.64e15, '9999-12-31T23:59:59.999Z'],
      [-8.64e15, '0000-01-01T00:00:00.000Z'],
    ] as const) {
      print({ json: true }, shape, { ...value, loadedAt: new Date(ms), end: 2n ** 63n - 1n, rows: -1 }, '');
      expect(JSON.parse(printed())).toMatchObject({ loadedAt: text, end: 2 ** 63, rows: -1 });
      write.mockClear();
    }
  });

  it('refuses a value of another shape', () => {
    const wrong = { ...value, rows: '3' } as unknown as typeof value;
    expect(() => print({ json: true }, shape, wrong, '')).toThrow('rows');
    expect(printed()).toBe('');
  });

  it('removes secrets, and escapes what controls a terminal', () => {
    neverPrint([new Secret('hunter2hunter2')]);
    print({ json: true }, shape, { ...value, names: ['key=hunter2hunter2', '\u001b[2J\u202e'] }, '');
    expect(JSON.parse(printed()).names).toEqual(['key=[secret]', '\u001b[2J\u202e']);
    expect(printed()).toContain('\\u001b[2J\\u202e');
  });
});

describe('the error line', () => {
  it('says what happened, whether a retry helps, and the exit code', () => {
    const line = errorLine(new UsageError('--pages takes a number'));
    expect(checkErrorStream(line)).toMatchObject([
      { error: { code: 'usage', message: '--pages takes a number', retriable: false, exitCode: 2 } },
    ]);
  });

  it('has the stack of an unexpected error, and no secret', () => {
    const line = errorLine(new TypeError('hunter2hunter2 is not a function'), [new Secret('hunter2hunter2')]);
    expect(checkErrorStream(line)).toMatchObject([
      { error: { code: 'unexpected', exitCode: 1, stack: expect.stringContaining('print.test.ts') } },
    ]);
    expect(line).not.toContain('hunter2');
    expect(line.split('\n')).toHaveLength(2);
  });
});

describe('progress lines', () => {
  it('give each task with its rate and time left, and the last state at the end', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const clock = new ManualClock();
    const lines: string[] = [];
    const progress = createJsonProgress({ write: (text) => lines.push(text) }, clock);
    progress.update('fetch', { done: 0, total: 100, unit: 'movies' });
    await clock.advance(5_000);
    progress.update('fetch', { done: 20, total: 100, unit: 'movies' });
    vi.advanceTimersByTime(5_000);
    vi.advanceTimersByTime(5_000);
    progress.update('load', { done: 7, unit: 'rows' });
    progress[Symbol.dispose]();
    vi.useRealTimers();
    expect(checkErrorStream(lines.join(''))).toMatchObject([
      { progress: { task: 'fetch', done: 20, total: 100, unit: 'movies', perSecond: 4, secondsLeft: 20 } },
      { progress: { task: 'load', done: 7, total: null, unit: 'rows', perSecond: null, secondsLeft: null } },
    ]);
  });
});

describe('the check of outputs', () => {
  it('finds another key, another type, a local time and text', async () => {
    const good = '{"loadedAt":null,"end":5,"rows":3,"names":[]}';
    checkLine(shape, good);
    expect(() => checkLine(shape, good.replace('"rows"', '"extra":1,"rows"'))).toThrow('other keys');
    expect(() => checkLine(shape, good.replace('3', '"3"'))).toThrow('rows');
    expect(() => checkLine(shape, good.replace('[]', '["2026-05-01 12:00"]'))).toThrow('no time in UTC');
    await checkOutput(['load', '--once', '--json'], '{"rows":1,"parked":0}\n');
    await expect(checkOutput(['load', '--once', '--json'], 'loading\n{"rows":1,"parked":0}\n')).rejects.toThrow();
    expect(() => checkErrorStream('plain text\n')).toThrow();
  });
});
