import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Outcome {
  readonly exitCode: number;
  readonly message: string;
}

/**
 * Root has all permissions, so a process of another user tries each setting with a path to which it has none.
 * @param kinds of the settings, by name. @returns the error for each setting, or the reason why this cannot be tried here.
 */
export function outcomesUnprivileged(kinds: Readonly<Record<string, string>>): Record<string, Outcome> | string {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-unprivileged-'));
  try {
    // The parent folders of root must not hide it: the process may enter them, but read nothing.
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'closed'));
    writeFileSync(join(folder, 'closed', 'file'), 'text', { mode: 0o600 });
    mkdirSync(join(folder, 'closed', 'folder'));
    chmodSync(join(folder, 'closed'), 0o700);
    const script = join(import.meta.dirname, 'try-unprivileged.ts');
    const isRoot = process.getuid?.() === 0;
    const user = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : ['env'];
    const [program = '', ...args] = [...user, process.execPath, script, join(folder, 'closed'), JSON.stringify(kinds)];
    const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: '/', encoding: 'utf8' });
    if (error || status !== 0) return `no process of another user here: ${error?.message ?? stderr}`;
    return JSON.parse(stdout) as Record<string, Outcome>;
  } finally {
    chmodSync(join(folder, 'closed'), 0o700);
    rmSync(folder, { recursive: true, force: true });
  }
}
