import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const tests = join(import.meta.dirname, '../..');
/** Its examples have waits without a limit. */
const thisFile = 'unit/runner/waits.test.ts';

/** The calls of vitest that wait for a condition. */
const wait = /\bvi\s*\.(?:waitFor|waitUntil)\(|\bexpect\s*\.poll\(/g;

/** The text between a parenthesis and the one that closes it. */
function argumentsAt(source: string, start: number): string {
  let open = 1;
  let end = start;
  for (; open > 0 && end < source.length; end += 1) {
    if (source[end] === '(') open += 1;
    if (source[end] === ')') open -= 1;
  }
  return source.slice(start, end - 1);
}

/** The lines of waits without a time limit. */
const unlimited = (source: string): number[] =>
  [...source.matchAll(wait)]
    .filter(({ 0: call, index }) => !/\btimeout\b/.test(argumentsAt(source, index + call.length)))
    .map(({ index }) => source.slice(0, index).split('\n').length);

it('sets a time limit for each wait: the default of vitest is one second, which a busy machine exceeds', () => {
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && file !== thisFile,
  );
  expect(files.length).toBeGreaterThan(100);
  const found = files.flatMap((file) =>
    unlimited(readFileSync(join(tests, file), 'utf8')).map((line) => `${file}:${line}`),
  );
  expect(found).toEqual([]);
});

it.each([
  ['await vi.waitUntil(() => isDone(1));', [1]],
  ['\nawait vi\n  .waitFor(() => expect(a).toBe(1), { interval: 5 });', [2]],
  ['expect.poll(() => a).toBe(1); const timeout = 1;', [1]],
  ['await vi.waitUntil(() => isDone(1), { timeout: 20_000 });', []],
])('finds the waits without a limit in %j', (source, lines) => {
  expect(unlimited(source)).toEqual(lines);
});
