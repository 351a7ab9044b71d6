import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../clock.ts';
import { processIdentity } from '../../process-identity.ts';
import type { Turn } from '../system.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';

export interface TurnOptions {
  /** The DuckDB file. */
  readonly path: string;
  readonly clock: Clock;
  /** How long to wait (ms). */
  readonly waitMs: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

const pollMs = 20;
const beatMs = 500;
/** Of an owner that we cannot look at, in another container: one that has not touched its entry for so long was killed. */
const staleMs = 5_000;

/** Turns that this process has asked for so far. */
let taken = 0;

/**
 * Waits until it is our turn on the file: first come, first served, over all processes of this machine (containers that
 * share the volume included). DuckDB's own lock is what keeps two processes from writing; it is not fair, so a busy
 * loader would starve dbt, and this queue beside the file makes it so. Whatever goes wrong here costs fairness only.
 * @throws WarehouseUnavailableError when the wait is over.
 */
export async function takeTurn({ path, clock, waitMs, signal }: TurnOptions): Promise<Turn> {
  const folder = `${path}.turns`;
  mkdirSync(folder, { recursive: true });
  // By the machine's one clock; of two processes that came within a millisecond either may be first.
  const place = `${String(Date.now()).padStart(15, '0')}-${String(taken++).padStart(10, '0')}`;
  const name = `${place}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const entry = join(folder, name);
  writeFileSync(entry, JSON.stringify({ host: hostname(), pid: process.pid, identity: processIdentity(process.pid) }));
  const beat = setInterval(() => touch(entry), beatMs);
  beat.unref();
  const leave = () => {
    clearInterval(beat);
    rmSync(entry, { force: true });
  };
  try {
    const giveUpAt = clock.monotonic() + waitMs;
    for (let first = firstOf(folder, name); first !== name; first = firstOf(folder, name)) {
      if (clock.monotonic() >= giveUpAt) {
        throw new WarehouseUnavailableError(`${path} is in use by process ${first.split('-')[2]}: wait, or end it`);
      }
      await clock.sleep(pollMs, signal);
    }
  } catch (error) {
    leave();
    throw error;
  }
  return {
    isWanted: () => readdirSync(folder).some((other) => other !== name),
    [Symbol.asyncDispose]: async () => leave(),
  };
}

/** The first whose owner lives; ours when it was taken for dead meanwhile, as whoever stood still for seconds is. */
function firstOf(folder: string, ours: string): string {
  for (const name of readdirSync(folder).sort()) {
    if (name === ours) break;
    if (isAlive(join(folder, name))) return name;
    rmSync(join(folder, name), { force: true });
  }
  return ours;
}

function isAlive(entry: string): boolean {
  const touchedAt = statSync(entry, { throwIfNoEntry: false })?.mtimeMs;
  if (touchedAt === undefined || Date.now() - touchedAt >= staleMs) return false;
  // Elsewhere to look at a process costs a process: there a killed owner is waited out.
  if (process.platform !== 'linux') return true;
  const owner = ownerOf(entry);
  return owner?.host !== hostname() || processIdentity(owner.pid) === owner.identity;
}

/** null when the entry went away, or is not written yet. */
function ownerOf(entry: string): { readonly host: string; readonly pid: number; readonly identity: string } | null {
  try {
    return JSON.parse(readFileSync(entry, 'utf8'));
  } catch {
    return null;
  }
}

function touch(entry: string): void {
  try {
    const now = new Date();
    utimesSync(entry, now, now);
  } catch {
    // Taken for dead and removed: DuckDB's lock still protects the file, and our turn ends soon.
  }
}
