import { execFileSync } from 'node:child_process';
import { root } from './exec.ts';

/** What has changed, and since which commit. */
export interface Changes {
  readonly base: string;
  readonly files: readonly string[];
}

const aDay = 86_400;

/**
 * The files that differ from the commit to compare with: `chosen` where it is given; else the commit that the upstream
 * branch has, when we are ahead of it; else the newest that is a day older than ours, as in a fresh clone.
 * @param chosen a commit; @default that of `TEST_BASE`
 * @returns null when there is no such commit, or no git at all.
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
