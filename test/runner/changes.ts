import { execFileSync } from 'node:child_process';
import { root } from './exec.ts';

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** What has changed, and since which commit. */
export interface Changes {
  readonly base: string;
  readonly files: readonly string[];
}

/**
 * The files that differ from the commit to compare with: `TEST_BASE` where that is set; else the commit that the upstream
 * branch has, when we are ahead of it; else the newest that is a day older than ours, as in a fresh clone.
 * @returns null when there is no such commit, or no git at all.
 */
export function changes(): Changes | null {
  try {
    const base = baseCommit();
    return base === '' ? null : { base: base.slice(0, 10), files: lines(git('diff', '--name-only', base)) };
  } catch {
    return null;
  }
}

function baseCommit(): string {
  const chosen = process.env['TEST_BASE'];
  if (chosen) return git('rev-parse', '--verify', `${chosen}^{commit}`);
  const head = git('rev-parse', 'HEAD');
  const upstream = upstreamBase();
  if (upstream !== null && upstream !== head) return upstream;
  const committedAt = Number(git('log', '-1', '--format=%ct'));
  return git('rev-list', '-1', `--before=${committedAt - 86_400}`, 'HEAD');
}

function upstreamBase(): string | null {
  try {
    return git('merge-base', 'HEAD', 'origin/HEAD');
  } catch {
    return null;
  }
}
