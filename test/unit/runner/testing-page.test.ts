import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const files = globSync('**/*.test.ts', { cwd: join(root, 'test') }).map((file) =>
  file.replaceAll('\\', '/').replace(/\.test\.ts$/, ''),
);

/** The files of each row: `e2e/cli`, `fleet` names `e2e/cli` and `e2e/fleet`. */
function readPatterns(): string[] {
  const table = readFileSync(join(root, 'docs/testing.md'), 'utf8').split('\n| files | tier |\n')[1] ?? '';
  return [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = '']) => {
    let folder = '';
    return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => {
      if (!name.includes('/')) return `${folder}${name}`;
      folder = name.slice(0, name.lastIndexOf('/') + 1);
      return name;
    });
  });
}

const isMatched = (file: string, pattern: string): boolean =>
  pattern.endsWith('/**') ? file.startsWith(pattern.slice(0, -2)) : file === pattern;

it('docs/testing.md has the tier of each test file, and no row for a file that does not exist', () => {
  const patterns = readPatterns();
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((file) => !patterns.some((pattern) => isMatched(file, pattern)))).toEqual([]);
  expect(patterns.filter((pattern) => !files.some((file) => isMatched(file, pattern)))).toEqual([]);
});
