import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from './errors.ts';

/** Who may own the data folder: us, or root, whom we have to trust anyway. */
interface Owners {
  readonly uid: number | undefined;
  /** Who owns a path; null when there is nothing. @default asks the file system */
  readonly ownerOf?: (path: string) => number | null;
}

/**
 * Makes sure that the data folder is not one of another user, or would be made in one: its owner could swap the files that we
 * write and programs that we run read.
 * @throws UsageError that names the folder and its owner. Where users have no numbers nothing is refused.
 */
export function refuseForeignFolder(dataDir: string, { uid, ownerOf = ownerOfPath }: Owners = ourselves()): void {
  if (uid === undefined) return;
  for (let folder = dataDir; ; folder = dirname(folder)) {
    const owner = ownerOf(folder);
    if (owner === uid || owner === 0 || (owner === null && folder === dirname(folder))) return;
    if (owner === null) continue;
    throw new UsageError(
      `DATA_DIR: ${folder} belongs to another user (uid ${owner}, we are uid ${uid}), who could change what we write: choose a folder of yours, or chown it`,
    );
  }
}

const ourselves = (): Owners => ({ uid: process.getuid?.() });

function ownerOfPath(path: string): number | null {
  try {
    return statSync(path, { throwIfNoEntry: false })?.uid ?? null;
  } catch {
    // A part of the path is no folder, or is closed to us: what opens it tells.
    return null;
  }
}
