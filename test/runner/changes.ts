import { execFileSync } from 'node:child_process';
import { root } from './exec.ts';

/** The changed files, and the commit that they are compared with. */
export interface Changes {
  readonly base: string;
  readonly files: readonly string[];
}

const aDay = 86_400;

/**
 * The files that differ from the base commit. The base is `chosen` if it is given; otherwise the commit of the upstream
 * branch if ours is ahead of it; otherwise, as in a fresh clone, the newest commit that is a day older than ours.
 * @param chosen a commit; @default that of `TEST_BASE`
 * @returns null if there is no such commit, or no git.
 */
export function changes(folder = root, chosen = process.env['TEST_BASE']): Changes | null {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const base = chosen ? git('rev-parse', '--verify', `${chosen}^{commit}`) : baseCommit(git);
    if (base === '') return null;
    const files = git('diff', '--name-only', base).split('\n');
    return { base: base.slice(0, 10), files: files.filter((file) => file !== '') };
  } catch {
    return null;
  }
}

function baseCommit(git: (...args: string[]) => string): string {
  const upstream = upstreamBase(git);
  if (upstream !== null && upstream !== git('rev-parse', 'HEAD')) return upstream;
  const committedAt = Number(git('log', '-1', '--format=%ct'));
  return git('rev-list', '-1', `--before=${committedAt - aDay}`, 'HEAD');
}

function upstreamBase(git: (...args: string[]) => string): string | null {
  try {
    return git('merge-base', 'HEAD', 'origin/HEAD');
  } catch {
    return null;
  }
}
