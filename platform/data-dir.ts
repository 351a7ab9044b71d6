import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from '../runtime/errors.ts';
import { orNull } from '../runtime/or-null.ts';

/** The users who may own the data folder: this process's, and root, which we have to trust anyway. */
interface Owners {
  readonly uid: number | undefined;
  /** The owner of a path; null if nothing exists there. @default asks the file system */
  readonly ownerOf?: (path: string) => number | null;
}

/**
 * Checks that the data folder, or the folder that it would be created in, does not belong to another user. That user could replace
 * files that we write and that our programs read.
 * @throws UsageError that names the folder and its owner. On systems without numeric user ids nothing is refused.
 */
export function refuseForeignFolder(dataDir: string, { uid, ownerOf = ownerOfPath }: Owners = ourselves()): void {
  if (uid === undefined) return;
  for (let folder = dataDir; ; folder = dirname(folder)) {
    const owner = ownerOf(folder);
    if (owner === uid || owner === 0 || (owner === null && folder === dirname(folder))) return;
    if (owner === null) continue;
    throw new UsageError(
      `DATA_DIR: ${folder} belongs to another user (uid ${owner}, this process is uid ${uid}), who could change its files: choose a folder of your own, or chown it`,
    );
  }
}

const ourselves = (): Owners => ({ uid: process.getuid?.() });

/** null also if a part of the path is not a folder, or if we may not read it. Opening the folder reports the error. */
const ownerOfPath = (path: string): number | null =>
  orNull(() => statSync(path, { throwIfNoEntry: false })?.uid ?? null);
