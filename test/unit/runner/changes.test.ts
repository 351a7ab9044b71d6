import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { changes } from '../../runner/changes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-changes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const git = (dir: string, args: readonly string[], date = '2026-01-01T00:00:00Z'): string =>
  execFileSync(
    'git',
    ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false', ...args],
    {
      cwd: dir,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
    },
  );

/** A repository with a commit for each of these days. Each commit adds a file named after its day. */
function repository(...days: readonly string[]): string {
  const dir = join(folder, 'origin');
  git(folder, ['init', '--quiet', '--initial-branch', 'main', dir]);
  for (const day of days) commit(dir, day);
  return dir;
}

function commit(dir: string, day: string, file = day): void {
  writeFileSync(join(dir, file), day);
  git(dir, ['add', '.']);
  git(dir, ['commit', '--quiet', '-m', day], `${day}T12:00:00Z`);
}

function clone(origin: string): string {
  git(folder, ['clone', '--quiet', origin, 'clone']);
  return join(folder, 'clone');
}

it('are those of the last day in a fresh clone', () => {
  const dir = clone(repository('2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04'));
  expect(changes(dir, '')?.files).toEqual(['2026-03-04']);
});

it('are those of all commits of a day', () => {
  const origin = repository('2026-03-01', '2026-03-09');
  commit(origin, '2026-03-09', 'another');
  expect(changes(clone(origin), '')?.files).toEqual(['2026-03-09', 'another']);
});

it('are those missing on the upstream branch, committed or not', () => {
  const dir = clone(repository('2026-03-01', '2026-03-02'));
  commit(dir, '2026-03-20');
  writeFileSync(join(dir, '2026-03-01'), 'changed');
  expect(changes(dir, '')?.files).toEqual(['2026-03-01', '2026-03-20']);
});

it('are those since a commit that is chosen', () => {
  const dir = repository('2026-03-01', '2026-03-02', '2026-03-03');
  expect(changes(dir, 'HEAD~2')?.files).toEqual(['2026-03-02', '2026-03-03']);
});

it.each([
  ['a folder without git', () => folder, ''],
  ['a repository of one day', () => repository('2026-03-01'), ''],
  ['a commit that does not exist', () => repository('2026-03-01', '2026-03-02'), 'no-such-branch'],
])('are unknown in %s', (_, dir, chosen) => {
  expect(changes(dir(), chosen)).toBeNull();
});
