import { rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Clock } from '../../runtime/clock.ts';
import { IngestError, messageOf } from '../../runtime/errors.ts';
import { asFileError, FileError } from '../../runtime/file-error.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import type { Turn } from '../system.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';
import { takeTurn } from './file-lock.ts';
import { holderInMessage, type OnFileWait, WaitReport } from './file-wait.ts';
import { memoryLimit } from './memory-limit.ts';

/** What is at the path is no file that this DuckDB can use. */
class WarehouseFileError extends IngestError {
  readonly retriable = false;
}

export interface DuckDbFileOptions {
  readonly path: string;
  /** How long to wait (ms) for our turn, and again while a program that takes no turns has the file open. */
  readonly lockWaitMs: number;
  readonly clock: Clock;
  readonly readOnly?: boolean;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
  /** Told while another process has the file. */
  readonly onWait?: OnFileWait | undefined;
  /**
   * Only a look: waits for `lockWaitMs`, and for twice as long for its turn, even if a place in the queue might expire later.
   */
  readonly isLook?: boolean | undefined;
  /** Our turn, where we have one already: it stays ours when the file is closed. */
  readonly turn?: Turn;
}

/** The name under which the file is attached, and which unqualified tables belong to. */
export const catalog = 'tmdb';

/** An open file; disposing of it writes everything into it and lets other processes have it. */
export interface DuckDbFile extends AsyncDisposable {
  readonly connection: DuckDBConnection;
  /** Whether somebody waits for the file. */
  isWanted(): boolean;
}

/**
 * - Small row groups: a checkpoint rewrites the last one, which at the standard size of 122,880 rows of 5 KB stalls
 *   commits for seconds. The size is not stored in the file, so it is given at every ATTACH.
 * - A large WAL threshold keeps checkpoints out of the way of a micro-batch.
 * - `preserve_insertion_order` stays on: without it the appender compresses and writes when it is closed, on the thread
 *   that reads Kafka; with it, that is left to the commit, which runs beside it.
 */
const settings = ["set wal_autocheckpoint = '256MB'", `set memory_limit = '${memoryLimit(2_000)}'`];

/** Where DuckDB spills data that does not fit in memory; dbt's DuckDB uses the same place (`profiles.yml`). */
const spillDirOf = (path: string): string => `${path}.spill`;

/**
 * Makes DuckDB independent of the working directory, HOME and the time zone of this process. By default, an in-memory instance
 * spills into `./.tmp` and looks for extensions and secrets below HOME.
 */
const placesOf = (path: string): string[] => [
  `set temp_directory = '${quoted(spillDirOf(path))}'`,
  `set home_directory = '${quoted(dirname(path))}'`,
  `set extension_directory = '${quoted(`${path}.extensions`)}'`,
  'set autoinstall_known_extensions = false',
  'set allow_persistent_secrets = false',
  "set TimeZone = 'UTC'",
];

const quoted = (text: string): string => text.replaceAll("'", "''");

const pollMs = 100;

/**
 * The files open in this process. DuckDB's lock is the operating system's, which belongs to the process: a second opening
 * here would be let in, and closing it would drop the lock of the first, so that another process could write beside us.
 */
const openHere = new Set<string>();

/**
 * Attaches the file when it is our turn: DuckDB lets one process write and, while it does, none read.
 * @throws WarehouseUnavailableError when it stays locked, WarehouseFileError when it is of another version or none of
 * DuckDB's.
 */
export async function openDuckDbFile(options: DuckDbFileOptions): Promise<DuckDbFile> {
  const path = resolve(options.path);
  makeFolder(dirname(path));
  if (options.turn) return openInTurn({ ...options, path }, options.turn);
  const { clock, lockWaitMs, signal, onWait, isLook } = options;
  // Our own processes let others in after each batch or command; a program that takes no turns may never.
  const waitMs = isLook ? 2 * lockWaitMs : lockWaitMs;
  const turn = await takeTurn({ path, clock, waitMs, signal, onWait, isLook });
  try {
    const file = await openInTurn({ ...options, path }, turn);
    const close = async () => {
      try {
        await file[Symbol.asyncDispose]();
      } finally {
        await turn[Symbol.asyncDispose]();
      }
    };
    return { ...file, [Symbol.asyncDispose]: close };
  } catch (error) {
    await turn[Symbol.asyncDispose]();
    throw error;
  }
}

async function openInTurn(options: DuckDbFileOptions, turn: Turn): Promise<DuckDbFile> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const close = () => {
    connection.closeSync();
    instance.closeSync();
  };
  try {
    for (const setting of [...settings, ...placesOf(options.path)]) await connection.run(setting);
    await attach(connection, options);
    // Only this process has the file open, and it has not spilled yet: the folder is from a process that was killed.
    if (!options.readOnly) removeSpill(options.path);
  } catch (error) {
    close();
    throw error;
  }
  return {
    connection,
    isWanted: () => turn.isWanted(),
    [Symbol.asyncDispose]: async () => {
      try {
        await connection.run('use memory');
        await connection.run(`detach ${catalog}`);
      } finally {
        close();
        openHere.delete(options.path);
      }
    },
  };
}

function removeSpill(path: string): void {
  try {
    rmSync(spillDirOf(path), { recursive: true, force: true });
  } catch {
    // It only takes space. DuckDB reports it if it cannot spill.
  }
}

async function attach(connection: DuckDBConnection, options: DuckDbFileOptions): Promise<void> {
  const { path, lockWaitMs, clock, readOnly, signal, onWait } = options;
  const mode = readOnly ? 'read_only' : 'row_group_size 10240';
  const sql = `attach '${quoted(path)}' as ${catalog} (${mode}); use ${catalog}`;
  const giveUpAt = clock.monotonic() + lockWaitMs;
  const report = new WaitReport(clock, onWait, false);
  for (;;) {
    const holder = await tryAttach(connection, path, sql);
    if (holder === null) return report.ends();
    if (clock.monotonic() >= giveUpAt) {
      if (holder !== thisProcess) report.givesUp(path, holder);
      throw new WarehouseUnavailableError(`${path} is open in ${holder}: close it, or wait`);
    }
    if (holder !== thisProcess) report.waits(path, () => holder, giveUpAt);
    await clock.sleep(pollMs, signal);
  }
}

const thisProcess = 'this very process';

/** @returns who has the file open; null when we have it now. */
async function tryAttach(connection: DuckDBConnection, path: string, sql: string): Promise<string | null> {
  if (openHere.has(path)) return thisProcess;
  openHere.add(path);
  try {
    await connection.run(sql);
    return null;
  } catch (error) {
    openHere.delete(path);
    const holder = holderInMessage(messageOf(error));
    if (holder === null) throw explain(error, path);
    return holder;
  }
}

function explain(error: unknown, path: string): IngestError {
  const typed = asFileError(error);
  if (typed instanceof FileError) return typed;
  const [reason = ''] = messageOf(error).split('\n');
  return new WarehouseFileError(`${path} ${whatIsWrong(reason)}: ${reason}`, { cause: error });
}

function whatIsWrong(reason: string): string {
  if (/newer version|storage version|version number/i.test(reason)) {
    return 'was written by another version of DuckDB than the 1.5 we use';
  }
  // Rows and positions are in it together: without it, both are as they were when it was begun.
  if (/corrupt WAL/i.test(reason)) {
    return 'has a log that is damaged (move the .wal file away, and what it held is loaded from Kafka again)';
  }
  return 'cannot be opened';
}
