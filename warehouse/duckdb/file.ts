import { rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Clock } from '../../runtime/clock.ts';
import { IngestError, messageOf } from '../../runtime/errors.ts';
import { asFileError, FileError } from '../../runtime/file-error.ts';
import { makeFolder } from '../../runtime/make-folder.ts';
import type { OnFileWait, WriteLock } from '../system.ts';
import { WarehouseUnavailableError } from '../warehouse.ts';
import { takeFileLock } from './file-lock.ts';
import { holderInMessage, WaitReport } from './file-wait.ts';
import { memoryLimit } from './memory-limit.ts';

/** The path names no file that this DuckDB can use. */
class WarehouseFileError extends IngestError {
  readonly code = 'warehouse_failed';
  readonly retriable = false;
}

export interface DuckDbFileOptions {
  readonly path: string;
  /** How long (ms) the documents of answers are kept. @default for ever, for tests */
  readonly retentionMs?: number;
  /** How long to wait (ms) for the lock, and again while a program that does not use the queue has the file open. */
  readonly lockWaitMs: number;
  readonly clock: Clock;
  readonly readOnly?: boolean;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** Called while another process has the file. */
  readonly onWait?: OnFileWait | undefined;
  /**
   * For reads such as `status`: waits for `lockWaitMs`, and twice as long for the lock, even if a place in the queue might expire later.
   */
  readonly isLook?: boolean | undefined;
  /** The lock, if the caller already has it: the caller keeps it when the file is closed. */
  readonly lock?: WriteLock;
}

/** The catalog name of the attached file, and the default for unqualified tables. */
export const catalog = 'tmdb';

/** An open file; disposing of it writes everything into it and releases it to other processes. */
export interface DuckDbFile extends AsyncDisposable {
  readonly connection: DuckDBConnection;
  /** Whether another process waits for the file. */
  isWanted(): boolean;
}

/**
 * - Small row groups: a checkpoint rewrites the last one. At the default size of 122,880 rows of 5 KB, this blocks
 *   commits for seconds. The file does not store the size, so every ATTACH sets it.
 * - A large WAL threshold keeps checkpoints from delaying a micro-batch.
 * - `preserve_insertion_order` stays on. Without it, the appender compresses and writes when it is closed, on the thread
 *   that reads Kafka. With it, the commit does this, in parallel.
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

/** Text for a literal of SQL, without its quotes. */
export const quoted = (text: string): string => text.replaceAll("'", "''");

/** A name as SQL, whatever characters it has. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const pollMs = 100;

/**
 * The files that this process has open. The operating system's lock belongs to the process: a second open of the same file
 * would succeed, and closing it would release the lock of the first one, so that another process could write at the same time.
 */
const openHere = new Set<string>();

/**
 * Attaches the file when this process has the lock: DuckDB admits one writer, and no reader beside it.
 * @throws WarehouseUnavailableError if it stays locked, WarehouseFileError if it belongs to another version or is not
 * a DuckDB file.
 */
export async function openDuckDbFile(options: DuckDbFileOptions): Promise<DuckDbFile> {
  const path = resolve(options.path);
  makeFolder(dirname(path));
  if (options.lock) return openLocked({ ...options, path }, options.lock);
  const { clock, lockWaitMs, signal, onWait, isLook } = options;
  // Our own processes release the file after each batch or command; a program that does not use the queue may never do so.
  const waitMs = isLook ? 2 * lockWaitMs : lockWaitMs;
  const lock = await takeFileLock({ path, clock, waitMs, signal, onWait, isLook });
  try {
    const file = await openLocked({ ...options, path }, lock);
    const close = async () => {
      try {
        await file[Symbol.asyncDispose]();
      } finally {
        await lock[Symbol.asyncDispose]();
      }
    };
    return { ...file, [Symbol.asyncDispose]: close };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function openLocked(options: DuckDbFileOptions, lock: WriteLock): Promise<DuckDbFile> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const close = () => {
    connection.closeSync();
    instance.closeSync();
  };
  try {
    for (const setting of [...settings, ...placesOf(options.path)]) await connection.run(setting);
    await attach(connection, options, lock);
    // Only this process has the file open, and it has not spilled yet: the folder is from a process that was killed.
    if (!options.readOnly) removeSpill(options.path);
  } catch (error) {
    close();
    throw error;
  }
  return {
    connection,
    isWanted: () => lock.isWanted(),
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
    // The folder only takes up space. DuckDB reports it if it cannot spill.
  }
}

async function attach(connection: DuckDBConnection, options: DuckDbFileOptions, lock: WriteLock): Promise<void> {
  const { path, lockWaitMs, clock, readOnly, signal, onWait } = options;
  const mode = readOnly ? 'read_only' : 'row_group_size 10240';
  const sql = `attach '${quoted(path)}' as ${catalog} (${mode}); use ${catalog}`;
  const giveUpAt = clock.monotonic() + lockWaitMs;
  const report = new WaitReport(clock, onWait, false);
  for (;;) {
    const holder = await tryAttach(connection, path, sql);
    if (holder !== thisProcess) lock.waitsFor?.(holder);
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

/** @returns the holder of the file; null if this process has it now. */
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
  // The WAL contains rows and positions of the same transactions: without it, both are in their earlier state.
  if (/corrupt WAL/i.test(reason)) {
    return 'has a log that is damaged (move the .wal file away; its rows are then loaded from Kafka again)';
  }
  return 'cannot be opened';
}
