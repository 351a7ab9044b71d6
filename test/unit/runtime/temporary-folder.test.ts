import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeTemporaryFolder, removeOldFolders } from '../../../runtime/temporary-folder.ts';

const now = Date.UTC(2026, 0, 1);
const clock = { now: () => now };

const usual = process.env['TMPDIR'];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'temporary-'));
  process.env['TMPDIR'] = folder;
});
afterEach(() => {
  if (usual === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = usual;
  rmSync(folder, { recursive: true });
});

/** A folder with a file. @param hours the ages of the folder and of the file. */
function make(name: string, [folderAge, fileAge]: readonly [number, number]): string {
  const [path, file] = [join(folder, name), join(folder, name, 'documents')];
  mkdirSync(path);
  writeFileSync(file, '{}');
  for (const [one, hours] of [[file, fileAge] as const, [path, folderAge] as const]) {
    const at = new Date(now - hours * 3_600_000);
    utimesSync(one, at, at);
  }
  return path;
}

it('[R151] the temporary folders of killed processes are removed when an hour has passed since their last change', async () => {
  const old = [make('tmdb-stream-load-a', [2, 2]), make('tmdb-stream-dry-run-b', [5, 2])];
  const others = [
    make('tmdb-stream-load-c', [2, 0.5]),
    make('tmdb-stream-load-d', [0.5, 0.5]),
    make('tmdb-stream-other', [5, 5]),
    make('load-e', [5, 5]),
  ];
  expect(await removeOldFolders(clock)).toBe(2);
  expect(old.filter((path) => existsSync(path))).toEqual([]);
  expect(others.filter((path) => existsSync(path))).toEqual(others);
  expect(await removeOldFolders(clock)).toBe(0);
  process.env['TMPDIR'] = join(folder, 'missing');
  expect(await removeOldFolders(clock)).toBe(0);
});

it('a temporary folder is removed when it is disposed, with its files', async () => {
  const { path } = await (async () => {
    await using made = await makeTemporaryFolder('load');
    writeFileSync(join(made.path, 'documents'), '{}');
    expect(basename(made.path)).toMatch(/^tmdb-stream-load-/);
    return made;
  })();
  expect(existsSync(path)).toBe(false);
});
