import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../runtime/errors.ts';
import { makeFolder } from '../runtime/make-folder.ts';

/** A replay that has begun and not ended. */
export interface BegunReplay {
  /** Its selection as on the command line. */
  readonly selection: string;
  /** Milliseconds since the epoch: the reference for ages in the selection, and the time since which movies count as done. */
  readonly startedAt: number;
}

const Begun = z.object({ selection: z.string(), startedAt: z.number() });

/** @returns null if none is in progress. @throws UsageError if the file is not a journal. */
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

/** Atomic, also when this process is killed. */
export function writeJournal(path: string, begun: BegunReplay): void {
  makeFolder(dirname(path));
  writeFileSync(`${path}.new`, `${JSON.stringify(begun)}\n`);
  renameSync(`${path}.new`, path);
}

export const removeJournal = (path: string): void => rmSync(path, { force: true });
