import { closeSync, openSync, rmSync, writeSync } from 'node:fs';

/** Replaces a file by a new one that only this user can read. Never writes to a file or through a link that is already there. */
export function writePrivate(file: string, text: string): void {
  rmSync(file, { force: true });
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    writeSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}
