import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  crashEnvironment,
  crashPointsIn,
  parseCrashPoint,
  withCrashPoints,
} from '../support/processes/crash-points.ts';
import { productFolders } from '../support/product-folders.ts';

const root = join(import.meta.dirname, '../..');

const textsIn = (folders: readonly string[]): string[] =>
  folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(root, folder, file), 'utf8')),
  );

describe('crash points', () => {
  const named = textsIn(productFolders).flatMap(crashPointsIn);

  it('each occur once in the source, so that a test knows where it kills', () => {
    expect(named.length).toBeGreaterThan(8);
    expect(named).toEqual([...new Set(named)]);
  });

  it('are all used by a test', () => {
    const tests = textsIn(['test/contract', 'test/faults', 'test/integration', 'test/e2e']).join('\n');
    expect(named.filter((point) => !tests.includes(`'${point}'`))).toEqual([]);
  });

  it('become calls on the same line, and nothing else does', () => {
    const source = ['a();', '  // crash point: loader.begun', 'b(); // crash point: no.line-of-its-own', 'c();'];
    expect(withCrashPoints(source.join('\n'), 'reached').split('\n')).toEqual([
      'a();',
      '  reached("loader.begun");',
      'b(); // crash point: no.line-of-its-own',
      'c();',
    ]);
  });

  it('are passed to a process as text that it can parse', () => {
    const point = { point: 'loader.before-commit', hit: 2, whenWritten: '/tmp/a b.wal' };
    const { CRASH_AT = '' } = crashEnvironment('CRASH_AT', point, 'log');
    expect(CRASH_AT).toBe('loader.before-commit:2, when written: /tmp/a b.wal');
    expect(parseCrashPoint(CRASH_AT)).toEqual(point);
    expect(parseCrashPoint('loader.begun:1')).toEqual({ point: 'loader.begun', hit: 1 });
    expect(() => parseCrashPoint('loader.begun')).toThrow('expected something like loader.begun:3');
  });
});
