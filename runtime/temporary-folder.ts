import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from './clock.ts';

/** What a folder is for. Its files can contain answers of TMDb. */
const purposes = ['load', 'dry-run'] as const;
type Purpose = (typeof purposes)[number];

const prefixOf = (purpose: Purpose): string => `tmdb-stream-${purpose}-`;

/** Nothing writes into a folder that is older (ms): a load takes minutes. */
export const leftoverMs = 3_600_000;

/** A folder below TMPDIR, which is removed when it is disposed. After a kill it stays, until `removeOldFolders`. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

export async function makeTemporaryFolder(purpose: Purpose): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), prefixOf(purpose)));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/**
 * Removes the folders of killed processes. Those of other users stay.
 * @returns the number of removed folders.
 */
export async function removeOldFolders(clock: Pick<Clock, 'now'>): Promise<number> {
  // Without a readable TMPDIR, there is nothing to remove.
  const names = await readdir(tmpdir()).catch(() => []);
  let removed = 0;
  for (const name of names.filter((one) => purposes.some((purpose) => one.startsWith(prefixOf(purpose))))) {
    if (await removeIfOld(join(tmpdir(), name), clock.now() - leftoverMs)) removed += 1;
  }
  return removed;
}

async function removeIfOld(path: string, before: number): Promise<boolean> {
  try {
    const files = await readdir(path);
    const changed = await Promise.all([path, ...files.map((file) => join(path, file))].map((one) => stat(one)));
    if (changed.some(({ mtimeMs }) => mtimeMs >= before)) return false; // mutant: purge.old-folders
    await rm(path, { recursive: true, force: true });
    return true;
  } catch {
    // Another process removes it, or another user owns it.
    return false;
  }
}
