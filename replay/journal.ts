import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../runtime/errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';

/** A replay that was begun and has not ended. */
export interface BegunReplay {
  /** Its selection as it was written on the command line. */
  readonly selection: string;
  /** Milliseconds since the epoch: what ages in the selection are counted from, and what has been done since is done. */
  readonly startedAt: number;
}

const Begun = z.object({ selection: z.string(), startedAt: z.number() });

/** @returns null when none is under way. @throws UsageError when the file is not ours. */
export function findBegun(path: string): BegunReplay | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    return Begun.parse(JSON.parse(text));
  } catch {
    throw new UsageError(`${path} is not a replay journal: --restart starts from scratch`);
  }
}

/** Whole or not at all, whenever we are killed. */
export function writeJournal(path: string, begun: BegunReplay): void {
  makeFolder(dirname(path));
  writeFileSync(`${path}.new`, `${JSON.stringify(begun)}\n`);
  renameSync(`${path}.new`, path);
}

export const removeJournal = (path: string): void => rmSync(path, { force: true });
