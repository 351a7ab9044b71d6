import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ifChanged } from '../../runner/unchanged.ts';

describe('a step that runs if its inputs changed', () => {
  let root: string;
  let runs: number;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'unchanged-'));
    mkdirSync(join(root, 'models/gold'), { recursive: true });
    writeFileSync(join(root, 'models/gold/a.sql'), 'select 1');
    writeFileSync(join(root, 'rules'), 'strict');
    runs = 0;
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const run = (passes = true) =>
    ifChanged(
      'step',
      ['rules', 'models'],
      async () => {
        runs += 1;
        return passes;
      },
      root,
    );

  it('does not run again after it passed', async () => {
    expect([await run(), await run(), runs]).toEqual([true, true, 1]);
  });

  it('runs again after it failed', async () => {
    expect([await run(false), await run(), runs]).toEqual([false, true, 2]);
  });

  it.each<[what: string, change: () => void]>([
    ['a file', () => writeFileSync(join(root, 'rules'), 'lenient')],
    ['a file in a folder', () => writeFileSync(join(root, 'models/gold/a.sql'), 'select 2')],
    ['an additional file', () => writeFileSync(join(root, 'models/gold/b.sql'), '')],
    ['a removed file', () => rmSync(join(root, 'models/gold/a.sql'))],
  ])('runs again after a change of %s', async (_, change) => {
    await run();
    change();
    await run();
    expect(runs).toBe(2);
  });
});
