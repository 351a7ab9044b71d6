import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates a folder and the missing folders above it. By default they are for this user alone. Node's `mkdir` with `recursive`
 * never returns below /proc (Node 24), where a folder exists and nothing can be created in it; this does.
 * @param mode rights of the created folders.
 * @throws the system's error, such as ENOENT, ENOTDIR or EACCES, with the path.
 */
export function makeFolder(path: string, mode = 0o700): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process created it first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(path)) throw error;
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
