import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../runtime/clock.ts';
import { escapeControls } from '../../runtime/escape-controls.ts';
import { keepTouching, lapsesInMs } from '../../runtime/file-lease.ts';
import { canLookAt, describeHolder, type Holder, isGone, ownHolder, parseHolder } from '../../runtime/holder.ts';
import { timeLeft, waitFor } from '../../runtime/leases.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import { orNull } from '../../runtime/or-null.ts';
import type { OnFileWait, WriteLock } from '../system.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';
import { describeOwner, WaitReport } from './file-wait.ts';

export interface FileLockOptions {
  /** The DuckDB file. */
  readonly path: string;
  readonly clock: Clock;
  /** How long to wait (ms); longer for a holder that cannot be checked, until its place in the queue expires. */
  readonly waitMs: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** Called while another process has the lock. */
  readonly onWait?: OnFileWait | undefined;
  /** For reads such as `status`: gives up after `waitMs`, even if the place of a holder that cannot be checked might expire later. */
  readonly isLook?: boolean | undefined;
}

/** An entry whose owner waits for a program outside of the queue. */
const Obstacle = z.object({ waitsFor: z.string() });

const pollMs = 20;

/** Locks that this process has requested so far. */
let taken = 0;

/**
 * Waits for the lock of the file: first come, first served, over all processes of this machine (containers that
 * share the volume included). DuckDB's own lock prevents two processes from writing, but it is not fair: a busy
 * loader would starve dbt. This queue beside the file makes it fair. A failure of the queue costs only fairness.
 * @throws WarehouseUnavailableError when the wait ends without the lock.
 */
export async function takeFileLock({
  path,
  clock,
  waitMs,
  signal,
  onWait,
  isLook,
}: FileLockOptions): Promise<WriteLock> {
  const folder = `${path}.queue`;
  // Ordered by the machine's single clock; two processes that arrive within a millisecond may have either order.
  const place = `${String(Date.now()).padStart(15, '0')}-${String(taken++).padStart(10, '0')}`;
  const name = `${place}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const entry = join(folder, name);
  if (!tryToEnter(folder, entry)) return { isWanted: () => false, [Symbol.asyncDispose]: async () => {} };
  // If another process removes the entry nevertheless, DuckDB's lock still protects the file, and our lock ends soon.
  const endTouching = keepTouching(entry);
  const leave = () => {
    endTouching();
    remove(entry);
  };
  try {
    const startedAt = clock.monotonic();
    const report = new WaitReport(clock, onWait, true);
    for (let first = firstOf(folder, name); first !== name; first = firstOf(folder, name)) {
      const owner = ownerOf(join(folder, first));
      const longestMs = isLook || (owner && canLookAt(owner)) ? waitMs : waitFor('fileLock', waitMs);
      const isNews = owner === null || !isOurs(owner);
      const described = () => describeOwner(owner) + obstacleOf(join(folder, first));
      if (clock.monotonic() - startedAt >= longestMs) {
        if (isNews) report.givesUp(path, described());
        throw inUse(path, join(folder, first), owner);
      }
      if (isNews) report.waits(path, described, startedAt + longestMs);
      await clock.sleep(pollMs, signal);
    }
  } catch (error) {
    leave();
    throw error;
  }
  return {
    isWanted: () => entriesOf(folder).some((other) => other !== name),
    waitsFor: (program) => write(entry, program),
    [Symbol.asyncDispose]: async () => leave(),
  };
}

/** @returns false if the queue cannot be written, for example on a full or read-only disk: then only DuckDB's lock decides. */
function tryToEnter(folder: string, entry: string): boolean {
  try {
    makeFolder(folder);
    writeFileSync(entry, JSON.stringify(ownHolder()));
    return true;
  } catch {
    remove(entry);
    return false;
  }
}

/** Records the program that its owner waits for, if that has changed. On a full disk, the messages of others lack it. */
function write(entry: string, waitsFor: string | null): void {
  const text = JSON.stringify({ ...ownHolder(), ...(waitsFor !== null && { waitsFor }) });
  try {
    if (readFileSync(entry, 'utf8') !== text) writeFileSync(entry, text);
  } catch {
    // The entry is not necessary: DuckDB's own lock decides.
  }
}

/** For messages: `, which waits for python3 (pid 42)`; empty if the owner of the entry waits for no other program. */
function obstacleOf(entry: string): string {
  try {
    const { waitsFor } = Obstacle.parse(JSON.parse(readFileSync(entry, 'utf8')));
    return `, which waits for ${escapeControls(waitsFor)}`;
  } catch {
    return '';
  }
}

function remove(entry: string): void {
  try {
    rmSync(entry, { force: true });
  } catch {
    // Without renewal, the entry expires.
  }
}

/** Empty if the queue cannot be read any more. */
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The first entry with a live owner. Restores our own entry if others removed it, for example because this process was suspended for seconds. */
function firstOf(folder: string, ours: string): string {
  for (const name of entriesOf(folder).sort()) {
    if (name === ours) break;
    if (isAlive(join(folder, name))) return name;
    remove(join(folder, name));
  }
  return ours;
}

function isAlive(entry: string): boolean {
  if (lapsesInMs(entry, 'fileLock') <= 0) return false;
  // On other systems, a check starts a process: there, the entry of a killed owner has to expire.
  if (process.platform !== 'linux') return true;
  const owner = ownerOf(entry);
  // An entry is empty for a moment before its owner writes into it.
  return owner === null || !isGone(owner);
}

/** null if the entry has disappeared, or is not written yet. */
const ownerOf = (entry: string): Holder | null => orNull(() => parseHolder(readFileSync(entry, 'utf8')));

/** Waits within one process are not reported. */
const isOurs = (owner: Holder): boolean => owner.pid === process.pid && canLookAt(owner);

function inUse(path: string, entry: string, owner: Holder | null): WarehouseUnavailableError {
  const seen = owner && canLookAt(owner) ? `, ${describeOwner(owner)}${obstacleOf(entry)}` : '';
  const who = owner ? `${describeHolder(owner)}${seen}` : 'another process';
  const lapse =
    owner && canLookAt(owner)
      ? ''
      : ` (if it was killed, its place is free in ${timeLeft(lapsesInMs(entry, 'fileLock'))})`;
  return new WarehouseUnavailableError(`${path} is in use by ${who}: wait for it, or end it${lapse}`);
}
